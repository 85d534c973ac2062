"""Finished videos: the dance of a whole video, driven and painted.

Nothing is batched over time. The landmark net's region comes from the landmarks before, and the generator is
shown its own last picture, so frame n+1 cannot begin before frame n has ended; detecting in every frame in
order to batch the landmark net would cost a second network and lose who is who. What can overlap does
(`tools.dance.ahead`): decoding beside pose, painting beside encoding. Several videos at once are several
processes.
"""
