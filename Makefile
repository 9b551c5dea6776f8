# mien -- `make help` lists the targets.
# One build folder per configuration: build/release, build/address, build/debug...

CONFIG ?= $(if $(SANITIZER),$(SANITIZER),release)
B := build/$(CONFIG)
PKGS := luajit libpng sqlite3 zlib libzip libedit libutf8proc openblas lapacke
CC ?= gcc
OPT := $(if $(SANITIZER),-O1 -g -fno-omit-frame-pointer -fsanitize=$(SANITIZER),-O3 -g1)
ARCH ?= -march=x86-64-v3
WARN := -Wall -Wextra -Werror -Wno-unknown-pragmas
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS = $(shell pkg-config --libs $(PKGS) 2>/dev/null)
CFLAGS_ALL = -std=gnu11 $(OPT) $(ARCH) -ffp-contract=fast -fno-math-errno -fno-trapping-math -fopenmp $(WARN) -I. -Iengine -Ikernels $(PKG_CFLAGS) $(CFLAGS)
LIBS = $(PKG_LIBS) -ldnnl -lpthread -lm -ldl
Q := $(if $(V),,@)

ENGINE := $(filter-out engine/bind/main.c,$(wildcard engine/*.c engine/*/*.c store/*.c))
KERNELS := $(wildcard kernels/*.c)
TUNED := $(wildcard kernels/tuned/*.c)
OBJ := $(ENGINE:%.c=$B/%.o) $(KERNELS:%.c=$B/%.f32.o) $(KERNELS:%.c=$B/%.f64.o) $(TUNED:%.c=$B/%.o)
TESTS := $(patsubst tests/c/%.c,$B/tests/%,$(wildcard tests/c/test_*.c))

all: $(if $(wildcard engine/bind/main.c),mien)

$B/%.f32.o: %.c $B/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -c $< -o $@
$B/%.f64.o: %.c $B/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -DK_REAL=double -DK_SUFFIX=f64 -MMD -MP -c $< -o $@
$B/%.o: %.c $B/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -c $< -o $@

# The SQL that store/sql.c carries inside.
$B/store/sql.o: $(wildcard store/*.sql store/migrate/*.sql)

# Rebuild everything when the flags change.
$B/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(CFLAGS_ALL)' | cmp -s - $@ || echo '$(CC) $(CFLAGS_ALL)' > $@
FORCE:

$B/libmien.a: $(OBJ)
	@echo "  AR   $@"
	@rm -f $@
	$(Q)ar rcs $@ $(OBJ)

$B/tests/%: tests/c/%.c $B/libmien.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -Itests/c -MMD -MP $< -Wl,--whole-archive $B/libmien.a -Wl,--no-whole-archive $(LIBS) -o $@

# Lua modules become bytecode inside the program.
LUA := $(wildcard lua/mien/*.lua)
LUA_OBJ := $(LUA:lua/%.lua=$B/lua/%.o)
$B/lua/%.o: lua/%.lua
	@mkdir -p $(@D)
	$(Q)luajit -b -g -n $(subst /,.,$(patsubst %/init,%,$*)) $< $@

MAIN_OBJ := $B/engine/bind/main.o
mien: $(MAIN_OBJ) $(LUA_OBJ) $B/libmien.a
	@echo "  LINK $@"
	$(Q)$(CC) $(CFLAGS_ALL) -Wl,-E $(MAIN_OBJ) $(LUA_OBJ) -Wl,--whole-archive $B/libmien.a -Wl,--no-whole-archive $(LIBS) -o $@

tests: $(TESTS)

clean:
	rm -rf build mien

-include $(OBJ:.o=.d) $(MAIN_OBJ:.o=.d)
.PHONY: all tests clean FORCE
