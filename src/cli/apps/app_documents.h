// What an app lays down beside its members and packets: its policies and contracts, as documents of
// the namespaces that it uses. They go first, so that nothing of the app comes before its rules.
#pragma once

#include <string>
#include <vector>

#include "cli/apps/app_plan.h"

namespace phoenix::cli {

struct DocumentOptions {
  bool prune = false;    // what is the app's and not declared any more goes
  bool remove = false;   // all of the app's goes
  bool dry_run = false;  // told, not done
};
// What it changes, as rows of a plan; what stands as it is is left out.
Outcome<std::vector<Change>> apply_documents(AppHost& host, const manifest::App& app,
                                             const std::string& what,
                                             const DocumentOptions& options);

}  // namespace phoenix::cli
