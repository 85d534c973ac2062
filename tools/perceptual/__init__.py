"""Networks that judge pictures as people do: VGG features to train on, LPIPS to judge with."""
