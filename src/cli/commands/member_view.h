// How members look to people: rows of the list, the sheet of one. Pure text.
#pragma once

#include <string>
#include <vector>

#include "cli/json.h"
#include "cli/table.h"

namespace phoenix::cli {

std::vector<Table::Column> member_columns(bool with_namespace);
std::vector<std::string> member_row(const Json& member, bool with_namespace, int64_t now_ms);
std::string member_sheet(const Json& member, bool color);

}  // namespace phoenix::cli
