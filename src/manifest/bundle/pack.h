// From an app's folder to what a bundle of it is made of. All of the folder goes in, for nobody
// else knows which files a command needs; left out are
//
//   names that begin with a dot, __pycache__, *.pflight and *.pflight.sig,
//   what the file .phoenixignore of the folder names: one pattern a line, "#" begins a comment;
//     without a slash it is held against each name, else against the path from the folder, `*` and
//     `?` standing for what they do in a shell, and a folder for all within,
//   dist/ at the top, unless the app runs something from there,
//   manifest.json, validation-report.json and hashes.json at the top, which a bundle has of its
//   own.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "manifest/app/model.h"
#include "manifest/bundle/bundle.h"

namespace phoenix::manifest {

// `app` was loaded without errors. An error names the file that keeps the app from being packed: a
// link out of the folder or to another folder, a device, a private key.
Result<BundleParts> pack_app(const App& app);

}  // namespace phoenix::manifest
