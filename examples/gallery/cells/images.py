import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

y, x = np.mgrid[0:160, 0:240]
pixels = np.dstack([x, y, 255 - (x + y) * 0.6]).clip(0, 255).astype("uint8")
photo = Image.fromarray(pixels)
draw = ImageDraw.Draw(photo)
draw.ellipse((60, 30, 160, 130), fill="gold", outline="black", width=3)
draw.polygon([(150, 140), (190, 60), (230, 140)], fill="seagreen")
draw.text((8, 8), "Hello from a sandbox", fill="white")

sheet = Image.new("RGB", (480, 320), "white")
for place, picture in zip(
    [(0, 0), (240, 0), (0, 160), (240, 160)],
    [photo, photo.filter(ImageFilter.GaussianBlur(4)), ImageOps.grayscale(photo), photo.filter(ImageFilter.FIND_EDGES)],
    strict=True,
):
    sheet.paste(picture, place)
sheet
