// One real core under explicit time, among peers that a script speaks for. Each peer has an
// address; it answers pings unless it is mute, and asks nothing by itself. The third driver of
// membership.h.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "membership/membership.h"

namespace phoenix::hostsim {

class GossipStage {
 public:
  // Lines that tell what happened by itself, with the time since the start.
  using OnLine = std::function<void(std::string line)>;

  explicit GossipStage(OnLine on_line) : on_line_(std::move(on_line)) {}

  struct Peer {
    gossip::Endpoint at;
    uint32_t incarnation = 1;
    bool mute = false;               // hears, answers nothing
    bool gone = false;               // its process is: the machine refuses
    std::vector<std::string> heard;  // messages since the last look, in order
  };
  // Errors end the scenario: the name is that of a peer.
  Peer* peer(std::string_view name);
  Peer& add_peer(const std::string& name, const gossip::Endpoint& at);
  gossip::Endpoint where(std::string_view name) const;

  void start(const gossip::MembershipOptions& options);
  void stop();  // the process ends; what it remembers stays
  bool up() const { return core_ != nullptr; }
  gossip::Membership& core() { return *core_; }
  const gossip::Remembered& disk() const { return disk_; }
  static gossip::Endpoint own_address();

  void advance(Duration length);
  // The process stands still meanwhile.
  void freeze(Duration length) { now_ = now_ + length; }
  // One message or a raw datagram from there.
  void deliver(std::string_view datagram, const gossip::Endpoint& from);
  // A stream that a peer opens; the message that came back, empty if it was just closed.
  std::string stream(std::string_view message, const gossip::Endpoint& from);
  void command(const std::function<void(gossip::Membership&, Now, gossip::Output&)>& what);
  Now now() const { return {now_, kWall + (now_ - kStart).ms()}; }

 private:
  static constexpr Instant kStart{1'000'000'000};
  static constexpr WallMs kWall = 1'000'000;  // so that incarnations stay small
  struct Later {
    Instant when;
    std::function<void(Now, gossip::Output&)> input;
  };
  void take(gossip::Output& out);
  void carry(const gossip::PacketOut& packet);
  void answer_ping(const std::string& name, const Peer& target, std::string_view message);
  void open(const gossip::StreamOut& stream);
  void later(Duration after, std::function<void(Now, gossip::Output&)> input);
  Peer* peer_at(const gossip::Endpoint& at, std::string& name);

  OnLine on_line_;
  std::map<std::string, Peer, std::less<>> peers_;
  gossip::MembershipOptions options_;
  std::unique_ptr<gossip::Membership> core_;
  gossip::Remembered disk_;
  Instant now_ = kStart;
  Instant wake_ = kNever;
  std::vector<Later> later_;
  gossip::StreamId next_stream_ = 1;
  std::string reply_;
};

}  // namespace phoenix::hostsim
