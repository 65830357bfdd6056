// Puts the files of a bundle into a folder: all of them, or nothing is there.
#pragma once

#include <string>

#include "base/error.h"
#include "manifest/bundle/bundle.h"

namespace phoenix::manifest {

// The folder must not exist, or be empty; what is above it must exist. The files are written into a
// new folder beside it, synced, and that takes its place by one rename. After an error the folder
// is as it was.
Result<bool> unpack_bundle(const Bundle& bundle, const std::string& folder);

}  // namespace phoenix::manifest
