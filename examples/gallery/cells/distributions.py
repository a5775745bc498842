import matplotlib.pyplot as plt
import numpy as np
from scipy import stats

rng = np.random.default_rng(7)
heights = np.concatenate([rng.normal(165, 7, 800), rng.normal(178, 7, 700)])

fig, ax = plt.subplots(figsize=(7, 4))
ax.hist(heights, bins=40, density=True, alpha=0.5, color="steelblue", label="sample")
x = np.linspace(heights.min(), heights.max(), 300)
ax.plot(x, stats.gaussian_kde(heights)(x), color="darkblue", lw=2, label="kernel density")
ax.axvline(heights.mean(), color="firebrick", ls="--", label=rf"mean $\mu = {heights.mean():.1f}$")
ax.set(title="Heights of 1,500 people", xlabel="height (cm)", ylabel="density")
ax.legend()
plt.show()
