// An app's bundle, made and written: what `build` and the verbs that go out from a bundle share.
#pragma once

#include <string>

#include "cli/apps/app_file.h"
#include "cli/context.h"
#include "manifest/bundle/bundle.h"

namespace phoenix::cli {

struct BuildOptions {
  AppFlags app;
  std::string to;               // empty: NAME-VERSION.pflight in `folder`
  std::string key;              // a secret key's file; empty: not signed
  std::string folder = "dist";  // made if it is not there
};

struct BuiltBundle {
  manifest::App app;
  std::string path;
  std::string archive;
  manifest::Bundle bundle;  // as whoever opens it will see it
  std::string signed_by;    // id of the key; empty: nobody
};

// Validates the app, packs it, and writes the bundle and its signature. `what` is the first line of
// a failure, after which no bundle was written.
Outcome<BuiltBundle> build_bundle(Context& context, const BuildOptions& options,
                                  const std::string& what);

}  // namespace phoenix::cli
