// What a call asks for, as far as whoever passes it on has to know: its parts, and what may be done
// with it a second time.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "node/command.h"

namespace phoenix {

// How many items it has that may go to different hosts; 1 for what is about one thing.
size_t parts_of(const CommandBody& body);

// Takes the items at these places away, as a call of their own. Requires: a Submit or OwnerCalls.
CommandBody part_of(CommandBody& body, const std::vector<size_t>& places);

// Of the item at `place`, empty if that was malformed. Requires: a Submit or OwnerCalls.
std::string id_of(const CommandBody& body, size_t place);

// The session that the call names, by whatever it has; null: none.
const SessionRef* session_of(const CommandBody& body);

// Whether carrying it out twice is as good as once.
bool harmless_twice(const CommandBody& body);

// It was sent and may have been carried out: what it was to create may exist by now.
void may_exist(CommandBody& body);

}  // namespace phoenix
