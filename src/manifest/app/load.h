// From a PhoenixFile, or any file of documents, to an App and all that is wrong with it. One run
// tells every fault of all files, in their order; whether the app may be used is whether one of
// them is an error.
#pragma once

#include <string>
#include <string_view>

#include "manifest/app/model.h"
#include "manifest/yaml/node.h"

namespace phoenix::manifest {

struct LoadOptions {
  std::string path = "PhoenixFile";  // a file, or a folder that holds a PhoenixFile
  bool strict = false;               // warnings are errors
  bool tests = false;  // also the policies' tests: each *.test.yaml in a folder that holds one
  int64_t now_ms = 0;  // since 1970, for deadlines that have passed; 0: they are not looked at
};

struct Loaded {
  App app;
  Findings findings;

  bool valid() const { return !has_errors(findings); }
};

Loaded load_app(const LoadOptions& options);

// Of documents that stand in no file, as from stdin: they may refer to none either.
Loaded load_text(std::string_view text, const std::string& name, bool strict);

}  // namespace phoenix::manifest
