"""No routes: this extension adds formats to another one."""
