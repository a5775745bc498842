"""Where older code looks for IPython's names."""
