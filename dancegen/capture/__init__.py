"""Videos of a person to dances: 2D joints of every frame, then the network that imagines the movement behind them."""
