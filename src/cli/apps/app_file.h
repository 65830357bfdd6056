// What all verbs about apps begin with: -f, --strict, and a PhoenixFile loaded or refused.
#pragma once

#include <string>

#include "cli/context.h"
#include "manifest/app/load.h"

namespace phoenix::cli {

struct AppFlags {
  std::string file = "PhoenixFile";
  bool strict = false;
  bool tests = false;  // also the policies' tests; no flag
};
void add_app_flags(std::vector<Flag>& flags, AppFlags* into);

// Loads it; a Failure tells every error, one a line. Warnings go to stderr.
Outcome<manifest::App> load_for(Context& context, const AppFlags& flags, const std::string& what);

// {"valid", "app": {…}, "errors": […], "warnings": […]}
Json findings_document(const manifest::Loaded& loaded);

}  // namespace phoenix::cli
