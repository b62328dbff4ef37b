"""Documents for people: HTML, PDF and charts from one view model."""
