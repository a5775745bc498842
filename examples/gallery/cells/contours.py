import matplotlib.pyplot as plt
import numpy as np

x, y = np.meshgrid(np.linspace(-3, 3, 200), np.linspace(-2, 2, 150))
height = (1 - x / 2 + x**5 + y**3) * np.exp(-(x**2) - y**2)

fig, ax = plt.subplots(figsize=(7, 4.5))
filled = ax.contourf(x, y, height, 14, cmap="terrain")
lines = ax.contour(x, y, height, 14, colors="k", linewidths=0.4)
ax.clabel(lines, fontsize=7)
skip = slice(None, None, 12)
v, u = np.gradient(height)
ax.quiver(x[skip, skip], y[skip, skip], u[skip, skip], v[skip, skip], width=0.003)
ax.streamplot(x, y, -y, x, density=0.5, color="white", linewidth=0.6)
ax.set(xlim=(-3, 3), ylim=(-2, 2))
fig.colorbar(filled)
ax.set_title(r"$z = (1 - \frac{x}{2} + x^5 + y^3)\,e^{-x^2 - y^2}$")
plt.show()
