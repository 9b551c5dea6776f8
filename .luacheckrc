-- luacheck lua recipes tests
std = 'luajit'
max_line_length = 190
read_globals = {'jit'}
exclude_files = {'lua/meta'}
ignore = {'212/_.*'}
files['tests/store.lua'] = {ignore = {'311', '12.'}}       -- values dropped for the collector, a caught print
