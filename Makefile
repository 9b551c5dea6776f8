# mien -- `make help` lists the targets.
# One build folder per configuration: build/release, build/check (sanitizers)...

SANITIZER ?=
CONFIG ?= $(if $(SANITIZER),$(subst $(comma),-,$(SANITIZER)),release)
comma := ,
B := build/$(CONFIG)
PREFIX ?= /usr/local
DESTDIR ?=
MODULES := luajit libpng sqlite3 zlib libedit libutf8proc openblas lapacke
ifeq ($(origin CC),default)
CC := gcc
endif
OPT := $(if $(SANITIZER),-O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all -fsanitize=$(SANITIZER),-O3 -g1)
# Vector instructions of 2013 and later; `make ARCH=` builds for any processor, ARCH=-march=native for this one.
ARCH ?= $(if $(filter x86_64,$(shell uname -m)),-march=x86-64-v3)
WARN := -Wall -Wextra -Werror -Wno-unknown-pragmas
PKG_CFLAGS := $(shell pkg-config --cflags $(MODULES) 2>/dev/null)
PKG_LIBS := $(shell pkg-config --libs $(MODULES) 2>/dev/null)
# Position-independent code lets test programs share one library, so that they link in no time.
CFLAGS_ALL := -std=gnu11 $(OPT) $(ARCH) -fPIC -fno-semantic-interposition -ffp-contract=fast -fno-math-errno -fno-trapping-math \
	-fopenmp $(WARN) -I. -Iengine -Ikernels $(PKG_CFLAGS) $(CFLAGS)
LIBS := $(PKG_LIBS) -ldnnl -lpthread -lm -ldl
V ?=
Q := $(if $(V),,@)
say = @printf '  %-5s %s\n'

ENGINE := $(filter-out engine/bind/%,$(wildcard engine/*.c engine/*/*.c store/*.c))
BIND := $(wildcard engine/bind/*.c)
KERNELS := $(wildcard kernels/*.c)
TUNED := $(wildcard kernels/tuned/*.c kernels/cuda/*.c)
OBJ := $(ENGINE:%.c=$B/%.o) $(KERNELS:%.c=$B/%.f32.o) $(KERNELS:%.c=$B/%.f64.o) $(TUNED:%.c=$B/%.o)
BIND_OBJ := $(BIND:%.c=$B/%.o)
# GPU code: one fatbin for each kernel file, embedded in the program by engine/cuda/images.c.  NVCC= builds without.
NVCC ?= $(firstword $(shell command -v nvcc) $(wildcard $(CUDA_HOME)/bin/nvcc /usr/local/cuda/bin/nvcc))
CUDA_ARCHS ?= $(if $(NVCC),$(shell $(NVCC) --list-gpu-arch 2>/dev/null | sed 's/compute_//' | grep -xE '75|80|86|89|90|100|120'))
FATBINS := $(if $(NVCC),$(KERNELS:kernels/%.c=build/cuda/%.fatbin) $(patsubst kernels/cuda/%.cu,build/cuda/tuned_%.fatbin,$(wildcard kernels/cuda/*.cu)))
LUA := $(wildcard lua/mien/*.lua)
LUA_OBJ := $(LUA:lua/%.lua=$B/lua/%.o)
TESTS := $(patsubst tests/c/%.c,$B/tests/%,$(sort $(wildcard tests/c/test_*.c)))
# CUDA kernels compiled for the emulator, in which the table of ops is tested once more.
EMULATED := $(KERNELS:%.c=$B/emulated/%.o) $(patsubst %,$B/emulated/%.o,$(wildcard kernels/cuda/*.cu))
EMULATOR := $B/emulated/tests/cuda/emulate.o
PLAN_TESTS := $(patsubst tests/cuda/%.c,$B/tests/%,$(sort $(wildcard tests/cuda/test_*.c)))
EMULATED_TESTS := $B/tests/emulated_ops $(PLAN_TESTS)
BENCHES := $(patsubst tests/c/%.c,$B/tests/%,$(sort $(wildcard tests/c/bench_*.c)))
LUA_TESTS := $(sort $(wildcard tests/*.lua))

# As many jobs as processors unless told otherwise.
ifeq ($(MAKELEVEL),0)
ifeq ($(filter -j% --jobs%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc)
endif
endif
MAKEFLAGS += --no-print-directory

all: $(if $(filter release,$(CONFIG)),mien,$B/mien)

# ---- what a person asks for ---------------------------------------------------

help:
	@echo 'make              build ./mien'
	@echo 'make demo         install what is missing, build, train an expression and edit faces with it (out/demo)'
	@echo 'make test         install what is missing, build, run every test'
	@echo 'make deps         see that the packages mien builds on are there; install them on Debian'
	@echo 'make check        the tests under the address and undefined-behaviour sanitizers'
	@echo 'make fuzz         the readers of foreign files against random bytes, FUZZ_SECONDS=20 each (clang)'
	@echo 'make parity SHARED=DIR   published numbers, full size included: goldens and stand-in checkpoints from DIR (Python writes those)'
	@echo 'make bench        timings of ops, convolution and library'
	@echo 'make lint         luacheck over the Lua code'
	@echo 'make gpu-check    everything a GPU has to show, SHARED=DIR for the goldens; a report in docs/bench'
	@echo 'make install      into PREFIX=/usr/local under DESTDIR=; make uninstall'
	@echo 'make clean        remove what was built'
	@echo
	@echo 'V=1 shows the commands.  ARCH= builds for any processor.  SANITIZER=address builds with that sanitizer.'
	@echo 'NVCC= builds without GPU code, CUDA_ARCHS="80 90" for these generations alone.'

deps:
	@bash tools/deps.sh $(DEPS)

# The packages may arrive while this runs, so the build is a make of its own that looks for them anew.
demo: deps
	@$(MAKE) all
	./mien recipes/demo.lua

test: deps
	@$(MAKE) run-tests

check: deps
	@$(MAKE) run-tests SANITIZER=address,undefined CONFIG=check
	@if command -v clang >/dev/null; then $(MAKE) fuzz FUZZ_SECONDS=60; else echo 'the readers were not fuzzed: that needs clang'; fi

run-tests: $B/mien tests
	@bash tools/test.sh $B/mien $(TESTS) $(EMULATED_TESTS) $(LUA_TESTS)

fuzz: deps
	@$(MAKE) $B/libmien.a
	@LIBS='$(LIBS)' bash tools/fuzz.sh $B $(FUZZ_SECONDS)

parity: all
	@test -n '$(SHARED)' || { echo 'make parity SHARED=DIR: the folder of the goldens expected' >&2; exit 2; }
	@bash tools/parity.sh ./mien build/parity '$(SHARED)'

bench: all $(BENCHES)
	@for b in $(BENCHES); do echo "== $$b"; $$b || exit 1; done
	@echo '== docs/bench/store.lua'; ./mien docs/bench/store.lua

lint:
	luacheck -q lua recipes tests docs

gpu-check: all tests
	@bash tools/gpu-check.sh ./mien $B/tests '$(SHARED)'

SHARE := $(DESTDIR)$(PREFIX)/share/mien
MANUAL := $(DESTDIR)$(PREFIX)/share/man/man1
install: all
	install -d '$(DESTDIR)$(PREFIX)/bin' '$(SHARE)'
	install -m 755 mien '$(DESTDIR)$(PREFIX)/bin/mien'
	cp -R --no-preserve=ownership $(wildcard recipes models) '$(SHARE)/' && chmod -R a+rX '$(SHARE)'
	install -D -m 644 lua/meta/mien.lua '$(SHARE)/lua/meta/mien.lua'
	$(if $(wildcard mien.1),install -d '$(MANUAL)' && install -m 644 mien.1 '$(MANUAL)/mien.1')

uninstall:
	rm -f '$(DESTDIR)$(PREFIX)/bin/mien' '$(MANUAL)/mien.1'
	rm -rf '$(SHARE)'

clean:
	rm -rf build mien

# ---- how it is built ----------------------------------------------------------

$B/%.f32.o: %.c $B/flags
	@mkdir -p $(@D)
	$(say) CC '$< (f32)'
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -c $< -o $@
$B/%.f64.o: %.c $B/flags
	@mkdir -p $(@D)
	$(say) CC '$< (f64)'
	$(Q)$(CC) $(CFLAGS_ALL) -DK_REAL=double -DK_SUFFIX=f64 -MMD -MP -c $< -o $@
$B/tests/%.o: tests/c/%.c $B/flags
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CFLAGS_ALL) -Itests/c -MMD -MP -c $< -o $@
# No contraction: __fmul_rn must not be fused with a following addition.  No OpenMP: threads are the emulator's.
EMULATE = $(filter-out -fopenmp,$(CFLAGS_ALL)) -ffp-contract=off -DK_EMULATE -Itests/cuda
$B/emulated/%.o: %.c $B/flags
	@mkdir -p $(@D)
	$(say) CC '$< (emulated)'
	$(Q)$(CC) $(EMULATE) -MMD -MP -c $< -o $@
$B/emulated/%.cu.o: %.cu $B/flags
	@mkdir -p $(@D)
	$(say) CC '$< (emulated)'
	$(Q)$(CC) -x c $(EMULATE) -MMD -MP -c $< -o $@
$B/%.o: %.c $B/flags
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -c $< -o $@
# A driver for tests, in place of NVIDIA's.
$B/tests/fake_driver.so: tests/cuda/fake_driver.c tests/cuda/emulate.h kernels/shapes.h $B/flags
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CFLAGS_ALL) -Itests/cuda -shared $< -o $@ -ldl -lpthread

# For every generation, and as PTX, which drivers translate, for those after the newest.
GENCODE = $(foreach a,$(CUDA_ARCHS),-gencode arch=compute_$a,code=sm_$a) -gencode arch=compute_$(lastword $(CUDA_ARCHS)),code=compute_$(lastword $(CUDA_ARCHS))
# 177, 550: a macro's body does not use all the names that the macro offers it.
NVCC_RUN = $(NVCC) -fatbin -x cu -std=c++17 -O3 -Werror all-warnings -diag-suppress 177,550 $(GENCODE) -I. -Ikernels -MMD -MF $@.d -MT $@ $< -o $@
build/cuda/%.fatbin: kernels/%.c build/cuda/flags
	$(say) NVCC $<
	$(Q)$(NVCC_RUN)
build/cuda/tuned_%.fatbin: kernels/cuda/%.cu build/cuda/flags
	$(say) NVCC $<
	$(Q)$(NVCC_RUN)
build/cuda/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(NVCC) $(GENCODE)' | cmp -s - $@ || echo '$(NVCC) $(GENCODE)' > $@
# The list of files, and what was found, said when it changes.
$B/cuda/cuda_images.inc: FORCE
	@mkdir -p $(@D)
	@{ echo 'ARCHS("$(CUDA_ARCHS)")'; for f in $(FATBINS); do echo "IMAGE($$(basename $$f .fatbin), \"$$f\")"; done; } > $@.new; \
	if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; \
	echo '$(if $(NVCC),  nvcc is $(NVCC): GPU code for sm $(CUDA_ARCHS) goes into the program,  no nvcc in PATH$(comma) CUDA_HOME or /usr/local/cuda: the program gets no GPU code)'; fi
$B/engine/cuda/images.o: $B/cuda/cuda_images.inc $(FATBINS)
$B/engine/cuda/images.o: CFLAGS_ALL += -I$B/cuda

# The SQL that store/sql.c carries inside.
$B/store/sql.o: $(wildcard store/*.sql store/migrate/*.sql)

# Rebuild everything when the flags change, relink when the list of files does.
$B/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(CFLAGS_ALL)' | cmp -s - $@ || echo '$(CC) $(CFLAGS_ALL)' > $@
$B/files: FORCE
	@mkdir -p $(@D)
	@echo '$(OBJ) $(BIND_OBJ) $(LUA_OBJ)' | cmp -s - $@ || echo '$(OBJ) $(BIND_OBJ) $(LUA_OBJ)' > $@
FORCE:

# Lua modules become bytecode inside the program.
$B/lua/%.o: lua/%.lua $B/flags
	@mkdir -p $(@D)
	$(Q)luajit -b -g -n $(subst /,.,$(patsubst %/init,%,$*)) $< $@

$B/mien: $(OBJ) $(BIND_OBJ) $(LUA_OBJ) $B/files
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS_ALL) -Wl,-E $(OBJ) $(BIND_OBJ) $(LUA_OBJ) $(LIBS) -o $@

mien: build/release/mien
	@install -m 755 $< $@

$B/libmien.so: $(OBJ) $B/files
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS_ALL) -shared $(OBJ) $(LIBS) -o $@

$B/libmien.a: $(OBJ) $B/files
	$(say) AR $@
	@rm -f $@
	$(Q)ar rcs $@ $(OBJ)

# A test program looks for the library in the folder above its own, whatever the folder is called.
$B/tests/%: $B/tests/%.o $B/libmien.so
	$(Q)$(CC) $(CFLAGS_ALL) $< -L$B -lmien -Wl,-rpath,'$$ORIGIN/..' $(LIBS) -o $@

$B/emulated/tests/%: CFLAGS_ALL += -Itests/c
# Emulated kernels are found by name in the program, hence -E.
EMULATED_LINK = $(CC) $(CFLAGS_ALL) -Wl,-E $(filter %.o,$^) -L$B -lmien -Wl,-rpath,'$$ORIGIN/..' $(LIBS) -o $@
$B/tests/emulated_ops: $B/tests/test_ops.o $(EMULATED) $(EMULATOR) $B/libmien.so
	$(Q)$(EMULATED_LINK)
$(PLAN_TESTS): $B/tests/%: $B/emulated/tests/cuda/%.o $B/emulated/tests/cuda/emulated_plan.o $(filter %.cu.o,$(EMULATED)) $(EMULATOR) $B/libmien.so
	$(Q)$(EMULATED_LINK)

tests: $(TESTS) $(EMULATED_TESTS) $B/tests/fake_driver.so

-include $(OBJ:.o=.d) $(FATBINS:=.d) $(BIND_OBJ:.o=.d) $(EMULATED:.o=.d) $(EMULATOR:.o=.d) $(TESTS:=.d) $(PLAN_TESTS:$B/tests/%=$B/emulated/tests/cuda/%.d) $B/emulated/tests/cuda/emulated_plan.d $(BENCHES:=.d)
.PHONY: all help deps demo test check run-tests fuzz parity bench lint gpu-check install uninstall clean tests FORCE
.SECONDARY:
