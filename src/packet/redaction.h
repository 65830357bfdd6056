// What an owner is not shown of a packet's contents. Paths are keys joined by dots; where one meets
// an array it goes on in each item.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "packet/packet.h"

namespace phoenix {

inline constexpr std::string_view kRedacted = "[redacted]";

// The JSON text with "[redacted]" in place of what stands at the paths. Nothing else changes. Text
// that is no JSON comes back empty.
std::string redacted_json(std::string_view text, const std::vector<std::string>& paths);

// As its owner may see it: the very content if nothing stands at the paths. Bytes cannot be looked
// into, so nobody from whom anything is kept back gets them: null. `content` may be null.
std::shared_ptr<const Content> redacted_content(const std::shared_ptr<const Content>& content,
                                                const std::vector<std::string>& paths);

}  // namespace phoenix
