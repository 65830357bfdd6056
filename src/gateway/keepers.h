// The hosts to which a gateway may hand a call on, as gossip tells of them, and in which order it
// tries them. Not a check of whether they answer: who was in trouble a moment ago is asked last.
//
// Pure: rows and time come in. A key (a session, a caller) has an order of its own among hosts that
// are equally good, the same at every gateway, so that one session's calls meet at one host.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "client/url.h"
#include "membership/membership.h"

namespace phoenix::gateway {

struct Keeper {
  std::string name;
  BaseUrl url;           // its API; the host is a literal, so that no name is looked up
  std::string tls_name;  // whom its certificate has to name
};

class Keepers {
 public:
  // `https`: how the keepers of this pool speak.
  explicit Keepers(bool https) : https_(https) {}

  // Hosts with a store that serve an API. All of one pool and store: those of the first one that
  // was ever seen, for two pools that see each other are still two.
  void update(const std::vector<gossip::HostRow>& rows);
  // It did not answer, or said that it cannot serve: the others come first for a second.
  void trouble(const std::string& name, Instant now);
  void forget_trouble(const std::string& name) { troubled_.erase(name); }

  // All of them, the best first.
  std::vector<Keeper> order(std::string_view key, Instant now) const;
  // Whether none of the others is better now.
  bool good(const std::string& name, Instant now) const;
  size_t size() const { return rated_.size(); }
  // Alive, taking part, and not in trouble.
  size_t well(Instant now) const;

 private:
  struct Rated {
    Keeper keeper;
    int rating = 0;  // 0 is best
  };
  int rating(const Rated& rated, Instant now) const;
  std::optional<Rated> read(const gossip::HostRow& row);

  const bool https_;
  std::string pool_, store_;  // empty: none was seen yet
  std::map<std::string, Rated> rated_;
  std::map<std::string, Instant> troubled_;  // until then
};

}  // namespace phoenix::gateway
