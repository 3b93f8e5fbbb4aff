"""Makes density.txt: densities by scipy.stats.gaussian_kde, for test_density.c.

    python density.py > density.txt      (needs numpy and scipy)

A case: "case NAME n bound points bandwidth" ("inf": no bound above), then a line each of the
n values, of the points and of the densities there. The bandwidth is Silverman's rule,
0.9 min(s, IQR / 1.34) n^(-1/5), with numpy's quartiles. Where values are not below 0, and at
the bound, the density is mirrored: f(x) + f(-x) + f(2 bound - x).
"""
import numpy as np
from scipy.stats import gaussian_kde

rng = np.random.default_rng(11)
CASES = {
    "entropies": (np.concatenate([rng.gamma(2, 0.4, 260), rng.normal(5, 0.4, 140), np.zeros(20)]), np.inf),
    "shares": (rng.beta(0.6, 0.4, 300), 1.0),
    "signed": (rng.normal(-2, 3, 200), np.inf),
    "ties": (rng.integers(0, 6, 150) / 5, 1.0),
    "few": (np.array([0.31, 0.4, 0.44, 0.52]), np.inf),
}
for name, (x, bound) in CASES.items():
    x = np.array([float(f"{v:.9g}") for v in x])
    s, iqr = x.std(ddof=1), np.subtract(*np.quantile(x, [0.75, 0.25]))
    h = 0.9 * min(s, iqr / 1.34) * len(x) ** -0.2
    low = 0 if x.min() >= 0 else x.min() - 2 * h
    points = np.linspace(low, bound if np.isfinite(bound) else x.max() + 2 * h, 41)
    kde = gaussian_kde(x, bw_method=h / s)
    density = kde(points) + (kde(-points) if x.min() >= 0 else 0) + (kde(2 * bound - points) if np.isfinite(bound) else 0)
    print("case", name, len(x), bound, len(points), f"{h:.12g}")
    for row in (x, points, density):
        print(" ".join(f"{v:.12g}" for v in row))
