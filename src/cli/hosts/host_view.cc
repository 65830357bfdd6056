#include "cli/hosts/host_view.h"

#include "cli/context.h"

namespace phoenix::cli {
namespace {

// "membersActive" -> "Members active": what a field is called where no better name is known.
std::string title_of(const std::string& key) {
  std::string title;
  for (char c : key) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper) title.push_back(' ');
    const char lower = static_cast<char>(upper ? c + 32 : c);
    title.push_back(title.empty() && lower >= 'a' && lower <= 'z' ? static_cast<char>(lower - 32)
                                                                  : lower);
  }
  return title;
}

std::string lines_of(const Json& tags) {
  std::string text;
  for (const auto& [name, value] : tags.members()) {
    text += (text.empty() ? "" : "\n") + harmless(name) + "=" + harmless(value.text());
  }
  return text;
}

}  // namespace

std::vector<Table::Column> host_columns() {
  return {{"HOST"},
          {"STATUS"},
          {"VIEW"},
          {"GOSSIP"},
          {"API"},
          {"WEIGHT", true, true},
          {"VERSION", true},
          {"INCARNATION", true, true},
          {"SINCE", true, true},
          {"WHY", true}};
}

std::vector<std::string> host_row(const Json& host, int64_t now_ms) {
  return {host["name"].text(),    host["status"].text(),      host["view"].text(),
          host["gossip"].text(),  host["api"].text(),         host["weight"].text(),
          host["version"].text(), host["incarnation"].text(), age(host["since"].text(), now_ms),
          host["viewWhy"].text()};
}

std::string host_fingerprint(const Json& host) {
  return host["status"].text() + "/" + host["view"].text() + "/" + host["incarnation"].text() +
         "/" + host["gossip"].text();
}

std::string host_sheet(const Json& host, int64_t now_ms, bool color) {
  std::vector<std::pair<std::string, std::string>> fields;
  for (const auto& [key, value] : host.members()) {
    if (value.is_null() || (key == "self" && !value.truth())) continue;
    if (key == "status") {
      fields.emplace_back("Status", colored_state(value.text(), color));
    } else if (key == "tags") {
      if (!value.members().empty()) fields.emplace_back("Tags", lines_of(value));
    } else if (key == "since") {
      fields.emplace_back("Since", value.text() + " (" + age(value.text(), now_ms) + ")");
    } else {
      const bool nested = value.is_array() || value.is_object();
      fields.emplace_back(title_of(key), harmless(nested ? value.dump() : value.text()));
    }
  }
  return render_sheet(fields, color);
}

}  // namespace phoenix::cli
