"""The only code that talks to the outside: each adapter implements one port and translates its errors."""
