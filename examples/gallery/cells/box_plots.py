import matplotlib.pyplot as plt
import numpy as np

rng = np.random.default_rng(11)
groups = {name: rng.normal(mean, spread, 120) for name, mean, spread in [("A", 5, 1), ("B", 6, 2), ("C", 4.5, 0.6)]}

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 4), sharey=True)
left.boxplot(list(groups.values()), tick_labels=list(groups))
left.set_title("Lines")
filled = right.boxplot(list(groups.values()), tick_labels=list(groups), patch_artist=True, notch=True)
for box, color in zip(filled["boxes"], ["#8ecae6", "#ffb703", "#90be6d"], strict=True):
    box.set_facecolor(color)
right.set_title("Filled, with notches")
left.set_ylabel("response time (ms)")
fig.tight_layout()
plt.show()
