// The hosts at which a member may be attached, and which of them it turns to. Pure.
//
// Each worker has an order of its own, so that the members of a host that dies spread over all that
// are left.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace phoenix::worker {

class HostList {
 public:
  // `given`: base URLs, at least one; the first one is the present host. They are tried in this
  // order until a host has told which there are, and then come after those. `id`: the member's.
  HostList(const std::vector<std::string>& given, std::string_view id);

  // The base URL at which the member is, or tries to be.
  const std::string& present() const { return present_; }
  bool several() const { return hosts_.size() > 1; }
  std::size_t size() const { return hosts_.size(); }
  // Whom to ask after `url`.
  const std::string& after(const std::string& url) const;
  // What a host says of the pool: at most kMaxHosts of them count, and only those that are spoken
  // to as safely as the present one.
  void learn(const std::vector<std::string>& told);
  // False: that is no host to go to, or the present one.
  bool go_to(const std::string& url);
  bool is_present(const std::string& url) const { return usable(url) == present_; }

  static constexpr std::size_t kMaxHosts = 64;

 private:
  std::optional<std::string> usable(const std::string& url) const;

  std::vector<std::string> given_;
  std::string id_;
  std::vector<std::string> hosts_;
  std::string present_;
};

}  // namespace phoenix::worker
