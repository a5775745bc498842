from sympy import Integral, Matrix, exp, oo, pi, plot, series, simplify, sin, solve, sqrt, symbols

x, a = symbols("x a", positive=True)
gauss = Integral(exp(-a * x**2), (x, -oo, oo))
display(gauss, simplify(gauss.doit()))
display(series(sin(x), x, 0, 8))
display(Matrix([[1, a], [a, 1]]).eigenvals())
print(solve(x**2 - x - 1, x))
plot(sin(x) / x, exp(-x), (x, 0, 4 * pi), legend=True, title="Two functions", show=True)
sqrt(a) / (1 + sqrt(a))
