"""Data, training and evaluation; nothing above imports it but `cli`."""
