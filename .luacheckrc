-- luacheck lua recipes tests
std = 'luajit'
max_line_length = false
exclude_files = {'lua/meta'}
ignore = {'212/_.*'}
files['lua/mien/recipe.lua'] = {globals = {'arg'}}
files['recipes'] = {ignore = {'311', '431'}}                    -- names declared before a loop; short names used again
files['tests/store.lua'] = {ignore = {'311', '12.'}}            -- values dropped for the collector; a caught print
