import matplotlib.pyplot as plt
import numpy as np

fig, axes = plt.subplot_mosaic(
    [["log", "polar"], ["fill", "fill"]],
    figsize=(8, 6),
    layout="constrained",
    per_subplot_kw={"polar": {"projection": "polar"}},
)
x = np.logspace(0, 3, 50)
axes["log"].loglog(x, x**1.5, "o-", ms=3, label=r"$x^{3/2}$")
axes["log"].loglog(x, x * np.log(x + 1), "s--", ms=3, label=r"$x\,\log x$")
axes["log"].set_title("Scaling")
axes["log"].legend()
axes["log"].grid(True, which="both", alpha=0.3)

theta = np.linspace(0, 2 * np.pi, 400)
axes["polar"].plot(theta, np.abs(np.sin(3 * theta)))
axes["polar"].set_title("Rose")

t = np.linspace(0, 2, 500)
signal = np.exp(-t) * np.cos(12 * t)
axes["fill"].plot(t, signal, "k", lw=1)
axes["fill"].fill_between(t, signal, where=signal > 0, color="tab:green", alpha=0.4)
axes["fill"].fill_between(t, signal, where=signal < 0, color="tab:red", alpha=0.4)
axes["fill"].annotate("first minimum", (t[signal.argmin()], signal.min()), (0.6, -0.6), arrowprops={"arrowstyle": "->"})
axes["fill"].set_xlabel("time (s)")
plt.show()
