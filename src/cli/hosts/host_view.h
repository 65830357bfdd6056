// How hosts are shown: rows of a table, and the sheet of one. Pure text.
#pragma once

#include <string>
#include <vector>

#include "cli/json.h"
#include "cli/table.h"

namespace phoenix::cli {

std::vector<Table::Column> host_columns();
std::vector<std::string> host_row(const Json& host, int64_t now_ms);
// What must differ for --watch to show it again.
std::string host_fingerprint(const Json& host);
std::string host_sheet(const Json& host, int64_t now_ms, bool color);

}  // namespace phoenix::cli
