// The hosts that this one knows of, itself among them: what was last claimed about each, found by
// name or by number. A number is small, dense, and stays the same while the host is known. Number 0
// is this host.
//
// Bounded: at most `max_hosts` in all, and of those that are gone (dead or left) at most as many as
// the `gone` bound says; whoever adds asks full() first. No iteration depends on names' hashes.
// 64 bytes a host, one line of the cache, beside 16 to 32 to find it by name, and its text, which
// may be shared with other tables. Single-threaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/siphash.h"
#include "base/time.h"
#include "membership/endpoint.h"
#include "membership/host_text.h"
#include "membership/name_index.h"
#include "membership/wire/messages.h"

namespace phoenix::gossip {

using HostNumber = uint32_t;

class HostTable {
 public:
  static constexpr HostNumber kSelf = 0;
  static constexpr HostNumber kNone = UINT32_MAX;

  struct alignas(64) Host {
    Instant since;  // of the state
    Endpoint endpoint;
    uint32_t incarnation = 0;  // the highest that was ever claimed, whatever came of the claim
    uint32_t life = 0;         // differs from that of the host that had this number before
    Versions versions;
    SwimState state = SwimState::kLeft;
    bool known = false;
    bool proven = false;  // has answered a ping of ours from this address

    bool live() const { return state == SwimState::kAlive || state == SwimState::kSuspect; }

   private:
    friend class HostTable;
    uint32_t place_ = 0;  // live: index in live(); gone: the one gone before
    uint32_t next_ = 0;   // gone: the one gone after
    HostText text_;
  };

  // `texts`: with whom the names and metas are shared; none: with nobody.
  HostTable(const RingKey& hash_key, size_t max_hosts, std::shared_ptr<HostTexts> texts = {});

  HostNumber find(std::string_view name) const;  // kNone: not known
  Host& operator[](HostNumber host) { return hosts_[host]; }
  const Host& operator[](HostNumber host) const { return hosts_[host]; }
  std::string_view name(HostNumber host) const { return hosts_[host].text_.name(); }
  std::string_view meta(HostNumber host) const { return hosts_[host].text_.meta(); }
  // Another block than before if the meta is another one, as long as it is the same host.
  const HostText& text(HostNumber host) const { return hosts_[host].text_; }
  // Whether this is still the host that had this number in that life.
  bool same(HostNumber host, uint32_t life) const {
    return host < hosts_.size() && hosts_[host].known && hosts_[host].life == life;
  }

  const RingKey& hash_key() const { return hash_key_; }
  bool full() const { return known_ >= max_hosts_; }
  // So many are going to be known: room for just these, where growing would take up to twice that.
  void expect(size_t hosts);
  size_t room() const { return hosts_.capacity(); }
  // Requires: not known, not full, 1 to 255 bytes of name, at most 65,535 of meta. The first one
  // added is this host. The state is kLeft since `now`: set_state() says what it is.
  HostNumber add(std::string_view name, std::string_view meta, Instant now);
  void remove(HostNumber host);
  void set_meta(HostNumber host, std::string_view meta);
  void set_state(HostNumber host, SwimState state, Instant now);

  size_t known() const { return known_; }
  // Numbers are below this; those whose host is not `known` are free.
  HostNumber limit() const { return static_cast<HostNumber>(hosts_.size()); }
  // Alive and suspect ones without this host, in no particular but a reproducible order.
  const std::vector<HostNumber>& live() const { return live_; }
  size_t suspects() const { return suspects_; }
  size_t gone() const { return gone_; }
  size_t left() const { return left_; }
  HostNumber longest_gone() const { return first_gone_; }  // kNone: nobody is gone

 private:
  uint32_t hash_of(std::string_view name) const;
  HostText make_text(std::string_view name, std::string_view meta) const;
  void list(HostNumber host, bool live);
  void unlist(HostNumber host);
  void count(SwimState state, int by);

  RingKey hash_key_;
  size_t max_hosts_;
  std::shared_ptr<HostTexts> texts_;
  uint32_t lives_ = 0;
  size_t known_ = 0;
  size_t suspects_ = 0, gone_ = 0, left_ = 0;
  std::vector<Host> hosts_;
  std::vector<HostNumber> free_;
  NameIndex index_;
  std::vector<HostNumber> live_;
  HostNumber first_gone_ = kNone, last_gone_ = kNone;  // a list, by when they went
};

static_assert(sizeof(HostTable::Host) == 64, "each claim that is heard looks at one of them");

}  // namespace phoenix::gossip
