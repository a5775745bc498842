import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML
from matplotlib.animation import FuncAnimation

fig, ax = plt.subplots(figsize=(5, 3))
x = np.linspace(0, 2 * np.pi, 200)
(line,) = ax.plot(x, np.sin(x))
ax.set_title("A moving wave")


def update(frame):
    line.set_ydata(np.sin(x + frame / 2))
    return (line,)


movie = FuncAnimation(fig, update, frames=6)
display(HTML(movie.to_jshtml()))
update(3)
plt.show()
