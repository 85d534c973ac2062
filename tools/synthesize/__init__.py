"""Makes finished videos: finds the dance of a whole video, drives the player with it, and paints the result.

Nothing is batched over time. The landmark net's region comes from the landmarks before, and the generator
sees its own last picture, so frame n+1 cannot begin before frame n has ended. Detecting in every frame, in
order to batch the landmark net, would cost a second network and lose people's identities. What can overlap
does (`tools.dance.ahead`): decoding with pose, painting with encoding. For several videos at once, run
several processes.
"""
