"""The book of record: portfolios, lots, cash, marks and daily profit and loss."""
