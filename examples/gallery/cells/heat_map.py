import matplotlib.pyplot as plt
import numpy as np

days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
hours = [f"{h:02d}" for h in range(0, 24, 2)]
rng = np.random.default_rng(3)
load = 50 + 30 * np.sin(np.linspace(0, np.pi, 12)) + rng.normal(0, 6, (7, 12))
load[5:] *= 0.6

fig, ax = plt.subplots(figsize=(8, 4))
image = ax.imshow(load, cmap="viridis", aspect="auto")
ax.set_xticks(range(12), hours)
ax.set_yticks(range(7), days)
for (row, column), value in np.ndenumerate(load):
    ax.text(column, row, f"{value:.0f}", ha="center", va="center", color="w" if value < 60 else "k", fontsize=8)
ax.set_xlabel("hour")
ax.set_title("Server load by hour")
fig.colorbar(image, label="load (%)")
plt.show()
