// Puts the files of a bundle into a folder: all of them, or nothing is there.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "manifest/bundle/bundle.h"

namespace phoenix::manifest {

// The folder must not exist, or be empty; what is above it must exist. The files are written into a
// new folder beside it, synced, and that takes its place by one rename. After an error the folder
// is as it was. Programs, by their first bytes, may be executed.
Result<bool> unpack_bundle(const Bundle& bundle, const std::string& folder);

// What the kernel can execute says so in its first bytes: "#!" or ELF. Modes of an archive are
// covered by no hash.
bool is_program(std::string_view bytes);

}  // namespace phoenix::manifest
