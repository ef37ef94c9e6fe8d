"""What both front ends say of themselves."""

TITLE = "Salt U-Net"
SENTENCE = "Drop a seismic image, see where the network finds salt, and open the network up."
PAGE_SENTENCE = "See where the network finds salt in a seismic image, and open the network up."
IMAGE_HELP = "Yours, then survey tiles, then samples."
WEIGHTS_HELP = "From weights/ and runs/; newest runs first."
