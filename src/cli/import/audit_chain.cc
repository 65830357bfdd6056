#include "cli/import/audit_chain.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "cli/json.h"
#include "lineage/crypto/sha256.h"

namespace phoenix::cli {
namespace {

// As Python writes it: what is not ASCII stands as it is, control characters without a letter of
// their own as \u00xx.
void append_text(std::string_view text, std::string& out) {
  out.push_back('"');
  for (const char c : text) {
    constexpr std::string_view kLetters = "\"\\\n\r\t\b\f";
    constexpr std::string_view kEscapes = "\"\\nrtbf";
    const size_t at = kLetters.find(c);
    if (at != std::string_view::npos) {
      out.push_back('\\');
      out.push_back(kEscapes[at]);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

// The one form that is hashed: keys sorted, no spaces, numbers in the digits that came. Json bounds
// the depth. A member called `left_out` is passed over at the top.
void append_canonical(const Json& value, std::string_view left_out, std::string& out) {
  switch (value.kind()) {
    case Json::Kind::kNull:
      out += "null";
      break;
    case Json::Kind::kBool:
    case Json::Kind::kNumber:
      out += value.text();
      break;
    case Json::Kind::kString:
      append_text(value.text(), out);
      break;
    case Json::Kind::kArray:
      out.push_back('[');
      for (const Json& item : value.items()) {
        if (&item != value.items().data()) out.push_back(',');
        append_canonical(item, "", out);
      }
      out.push_back(']');
      break;
    case Json::Kind::kObject: {
      std::vector<const Json::Member*> members;
      for (const Json::Member& member : value.members()) {
        if (left_out.empty() || member.first != left_out) members.push_back(&member);
      }
      std::sort(members.begin(), members.end(),
                [](const auto* a, const auto* b) { return a->first < b->first; });
      out.push_back('{');
      for (const Json::Member* member : members) {
        if (member != members.front()) out.push_back(',');
        append_text(member->first, out);
        out.push_back(':');
        append_canonical(member->second, "", out);
      }
      out.push_back('}');
      break;
    }
  }
}

std::string hash_of(const Json& value, std::string_view left_out = "") {
  std::string text;
  append_canonical(value, left_out, text);
  return "sha256:" + lineage::hex(lineage::sha256(text));
}

const Json& details_of(const Json& event) {
  static const Json kNone = Json::object();
  return event.has("details") ? event["details"] : kNone;
}

}  // namespace

AuditChain check_audit_chain(std::string_view text) {
  AuditChain chain;
  std::string before;  // empty: none
  size_t line = 0;
  while (!text.empty()) {
    ++line;
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view row = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (row.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const auto event = Json::parse(row);
    const auto fault = [&](std::string what) {
      chain.fault = {line, event ? (*event)["eventId"].text() : "", std::move(what)};
      return chain;
    };
    if (!event || !event->is_object()) return fault("is no JSON object");
    ++chain.entries;
    if (!event->has("eventHash")) {
      ++chain.unchained;
      before.clear();
      continue;
    }
    if ((*event)["previousEventHash"].text() != before) {
      return fault("does not follow the one before it: one was left out, put in or moved");
    }
    if ((*event)["payloadHash"].text() != hash_of(details_of(*event))) {
      return fault("its details are not those that were hashed");
    }
    before = (*event)["eventHash"].text();
    if (before != hash_of(*event, "eventHash")) {
      return fault("its hash is not that of what it says");
    }
    if (chain.first.empty()) chain.first = before;
    chain.head = before;
  }
  return chain;
}

}  // namespace phoenix::cli
