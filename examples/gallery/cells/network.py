import matplotlib.pyplot as plt
import networkx as nx

graph = nx.karate_club_graph()
centrality = nx.betweenness_centrality(graph)
positions = nx.spring_layout(graph, seed=4)

plt.figure(figsize=(7, 5.5))
nodes = nx.draw_networkx_nodes(
    graph,
    positions,
    node_size=[80 + 2500 * centrality[n] for n in graph],
    node_color=list(centrality.values()),
    cmap="plasma",
)
nx.draw_networkx_edges(graph, positions, alpha=0.3)
nx.draw_networkx_labels(graph, positions, font_size=7, font_color="white")
plt.colorbar(nodes, label="betweenness")
plt.title("Zachary's karate club")
plt.axis("off")
plt.show()
