#include "client/address.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "client/json_text.h"
#include "client/url.h"

namespace phoenix {
namespace {

void append_parts(std::string_view list, std::vector<std::string>& out) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    const std::string_view part = list.substr(0, comma);
    if (!part.empty()) out.emplace_back(part);
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace

Result<std::vector<std::string>> resolve_urls(const std::vector<std::string>& flags,
                                              std::string_view env, const std::string& dir) {
  std::vector<std::string> urls;
  for (const std::string& flag : flags) append_parts(flag, urls);
  if (!flags.empty() && urls.empty()) return invalid("flag:--url", "is empty; name a host");
  if (urls.empty()) append_parts(env, urls);
  for (const std::string& url : urls) {
    const Result<BaseUrl> parsed = parse_url(url);
    if (!parsed) return tl::unexpected(parsed.error());
  }
  if (!urls.empty()) return urls;
  const std::string path = dir + "/.phoenixflight/address.json";
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::vector<std::string>{std::string(kDefaultUrl)};
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const auto json = JsonText::parse(text);
  const std::string api = json ? (*json)["api"].text() : std::string();
  if (api.empty() || !parse_url(api)) {
    return invalid("file:" + path, "has no URL under \"api\"; remove the file or give --url");
  }
  return std::vector<std::string>{api};
}

std::vector<std::size_t> HostOrder::tour() const {
  std::vector<std::size_t> order;
  for (const bool failed : {false, true}) {
    for (std::size_t i = 0; i < failed_.size(); ++i) {
      const std::size_t host = (first_ + i) % failed_.size();
      if (failed_[host] == failed) order.push_back(host);
    }
  }
  return order;
}

void HostOrder::served(std::size_t host) {
  first_ = host;
  failed_[host] = false;
}

}  // namespace phoenix
