"""The groups of the ``nast`` command. Engine modules are imported inside the commands: 'nast --help' stays quick."""
