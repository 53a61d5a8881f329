"""How good pictures are: formulas on feature vectors and pictures, and what feeds them."""

INCEPTION_ADDRESS = (
    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
    "pt_inception-2015-12-05-6726825d.pth"
)
"""Of Inception's published weights; here, as the command's help must not wait for PyTorch."""
