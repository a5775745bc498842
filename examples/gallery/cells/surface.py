import matplotlib.pyplot as plt
import numpy as np

x, y = np.meshgrid(np.linspace(-4, 4, 60), np.linspace(-4, 4, 60))
r = np.hypot(x, y)
z = np.sinc(r / 1.5)

fig = plt.figure(figsize=(7, 5))
ax = fig.add_subplot(projection="3d")
surface = ax.plot_surface(x, y, z, cmap="coolwarm", linewidth=0, antialiased=True)
ax.contourf(x, y, z, zdir="z", offset=-0.5, cmap="coolwarm", alpha=0.6)
ax.set(xlabel="x", ylabel="y", zlabel="sinc(r)", zlim=(-0.5, 1), title="A ripple")
fig.colorbar(surface, shrink=0.6)
plt.show()
