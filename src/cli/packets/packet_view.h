// How packets look to people: rows of the list, the sheet of one packet, its history, an
// explanation. Pure text from the host's JSON; what a field lacks is left out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/json.h"
#include "cli/table.h"

namespace phoenix::cli {

std::vector<Table::Column> packet_columns(bool with_namespace);
std::vector<std::string> packet_row(const Json& packet, bool with_namespace, int64_t now_ms);

// "no-capable-member: ocr" of a parked packet, the last error of another, or empty.
std::string packet_note(const Json& packet);

// Everything of a packet, contents included, cut at `content_limit` characters each.
std::string packet_sheet(const Json& packet, bool color, size_t content_limit);

// Rows of `GET …/history`, oldest first.
std::string history_table(const Json& history, bool color);

// The words of `GET …/explain` with its candidates as a table.
std::string explanation(const Json& explain, bool color);

bool packet_ended(const Json& packet);
bool is_ended_state(std::string_view status);

}  // namespace phoenix::cli
