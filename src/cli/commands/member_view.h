// How members look to people: rows of the list, the sheet of one. Pure text.
#pragma once

#include <string>
#include <vector>

#include "cli/json.h"
#include "cli/line/command.h"
#include "cli/table.h"

namespace phoenix::cli {

std::vector<Table::Column> member_columns(bool with_namespace);
std::vector<std::string> member_row(const Json& member, bool with_namespace, int64_t now_ms);
std::string member_sheet(const Json& member, bool color);

// A flag for a score from 0 to 1, kept in the digits that were typed.
Flag score_flag(std::string name, std::string* into);

}  // namespace phoenix::cli
