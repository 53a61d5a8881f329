"""How good pictures are: formulas on feature vectors and pictures, and what feeds them."""
