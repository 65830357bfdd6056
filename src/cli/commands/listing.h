// What every list verb does: --limit and --all over pages, --watch, and the output formats.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/context.h"
#include "cli/table.h"

namespace phoenix::cli {

struct ListOptions {
  int64_t limit = 100;
  bool all = false;
  bool watch = false;
};
// --limit, --all and --watch, pointing into `options`.
void add_list_flags(std::vector<Flag>& flags, ListOptions* options);

struct Listing {
  std::string what;  // first line of a failure: "cannot list packets"
  std::string noun;  // "packets"
  std::string id_key = "id";
  std::function<Target()> target;  // with its filters, without limit, order and cursor
  bool ordered = false;  // the host takes order=asc|desc: the newest are asked for, newest last
  std::vector<Table::Column> columns;
  std::function<std::vector<std::string>(const Json& item)> row;
  // What must differ for --watch to show an item again.
  std::function<std::string(const Json& item)> fingerprint;
};

int run_list(Context& context, const Listing& listing, const ListOptions& options);

}  // namespace phoenix::cli
