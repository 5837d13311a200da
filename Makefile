# A short way to the release build; CMakeLists.txt is where the build is described.
BUILD ?= build
all:
	@cmake -S . -B $(BUILD) -DCMAKE_BUILD_TYPE=RelWithDebInfo $(CMAKE_FLAGS) >/dev/null
	@cmake --build $(BUILD) --parallel $(shell nproc) -- --no-print-directory
clean:
	rm -rf $(BUILD)
install: all
	cmake --install $(BUILD)
.PHONY: all clean install
