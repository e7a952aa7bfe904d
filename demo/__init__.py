"""The demo bank: files a bank would deliver, and the known truth behind them."""
