#include "sim/gossip/scenario/gossip_stage.h"

#include <fmt/format.h>

#include <algorithm>

#include "membership/wire/messages.h"
#include "membership/wire/serf_messages.h"
#include "sim/gossip/scenario/sayings.h"

namespace phoenix::hostsim {

namespace {

constexpr Duration kWay = milliseconds(1);

gossip::MessageType type_of(std::string_view message) {
  return static_cast<gossip::MessageType>(static_cast<uint8_t>(message.front()));
}

}  // namespace

gossip::Endpoint GossipStage::own_address() { return endpoint_of_text("10.0.0.1"); }

GossipStage::Peer* GossipStage::peer(std::string_view name) {
  const auto found = peers_.find(name);
  return found == peers_.end() ? nullptr : &found->second;
}

GossipStage::Peer& GossipStage::add_peer(const std::string& name, const gossip::Endpoint& at) {
  Peer& peer = peers_[name];
  peer = {};
  peer.at = at;
  return peer;
}

gossip::Endpoint GossipStage::where(std::string_view name) const {
  const auto found = peers_.find(name);
  return found == peers_.end() ? own_address() : found->second.at;
}

GossipStage::Peer* GossipStage::peer_at(const gossip::Endpoint& at, std::string& name) {
  for (auto& [key, peer] : peers_) {
    if (peer.at != at) continue;
    name = key;
    return &peer;
  }
  return nullptr;
}

void GossipStage::start(const gossip::MembershipOptions& options) {
  options_ = options;
  later_.clear();
  core_ = std::make_unique<gossip::Membership>(options);
  gossip::Output out;
  core_->start(now(), out);
  take(out);
}

void GossipStage::stop() {
  if (!core_) return;
  disk_ = core_->remembered();
  core_.reset();
  wake_ = kNever;
  later_.clear();
}

void GossipStage::advance(Duration length) {
  const Instant end = now_ + length;
  while (core_) {
    const auto first = std::ranges::min_element(
        later_, [](const Later& a, const Later& b) { return a.when < b.when; });
    const Instant input = first == later_.end() ? kNever : first->when;
    const Instant next = std::min(input, wake_);
    if (next > end) break;
    now_ = std::max(now_, next);
    gossip::Output out;
    if (input <= wake_) {
      const auto what = std::move(first->input);
      later_.erase(first);
      what(now(), out);
    } else {
      core_->tick(now(), out);
    }
    take(out);
  }
  now_ = end;
}

void GossipStage::later(Duration after, std::function<void(Now, gossip::Output&)> input) {
  later_.push_back({now_ + after, std::move(input)});
}

void GossipStage::deliver(std::string_view datagram, const gossip::Endpoint& from) {
  gossip::Output out;
  core_->receive_packet(datagram, from, now(), out);
  take(out);
}

std::string GossipStage::stream(std::string_view message, const gossip::Endpoint& from) {
  gossip::Output out;
  reply_.clear();
  core_->receive_stream(next_stream_++, message, from, now(), out);
  for (const gossip::StreamReply& reply : out.replies) {
    gossip::StreamReader reader(core_->frame(), core_->keyring(), false);
    if (reader.feed(reply.bytes) == gossip::StreamReader::State::kDone) reply_ = reader.message();
  }
  take(out);
  return reply_;
}

void GossipStage::command(
    const std::function<void(gossip::Membership&, Now, gossip::Output&)>& what) {
  gossip::Output out;
  what(*core_, now(), out);
  take(out);
}

void GossipStage::take(gossip::Output& out) {
  for (const gossip::PacketOut& packet : out.packets) carry(packet);
  for (const gossip::StreamOut& each : out.streams) open(each);
  for (const gossip::ViewRequest& request : out.view_requests) {
    // No store: the view is another scenario's matter.
    later(seconds(1), [this, id = request.id](Now now, gossip::Output& more) {
      core_->view_answered({.id = id, .newest = {}, .lapsed = {}}, now, more);
    });
  }
  wake_ = std::max(out.next_wake, now_ + microseconds(1));
  bool stops = out.left;
  for (const gossip::HostEvent& event : out.events) {
    const auto elapsed = static_cast<double>((now_ - kStart).ms()) / 1e3;
    std::string line = fmt::format("{:.3f} {} {}", elapsed, event_name(event.kind), event.name);
    if (event.incarnation != 0) line += fmt::format(" inc={}", event.incarnation);
    if (!event.payload.empty()) line += " payload=" + event.payload;
    if (!event.detail.empty()) line += ": " + event.detail;
    on_line_(std::move(line));
    stops = stops || event.kind == gossip::HostEventKind::kRefused;
  }
  if (out.left) on_line_("left");
  if (stops) stop();
}

void GossipStage::carry(const gossip::PacketOut& packet) {
  std::string name;
  Peer* to = peer_at(packet.to, name);
  if (to == nullptr) return;
  if (to->gone) {
    return later(kWay * 2, [this, at = packet.to](Now now, gossip::Output& out) {
      core_->packet_refused(at, now, out);
    });
  }
  gossip::OpenedPacket opened;
  gossip::open_packet(packet.bytes, core_->frame(), core_->keyring(), opened);
  for (const std::string_view message : opened.messages) {
    to->heard.emplace_back(message);
    if (is_probe(message) && !to->mute) answer_ping(name, *to, message);
  }
}

void GossipStage::answer_ping(const std::string& name, const Peer& target,
                              std::string_view message) {
  const std::string_view body = message.substr(1);
  std::string answer;
  Duration after = kWay * 2;
  if (gossip::Ping ping; type_of(message) == gossip::MessageType::kPing && decode(body, ping)) {
    if (ping.node.empty() || ping.node == name)
      answer = gossip::encode(gossip::Ack{ping.seq_no, {}});
  }
  if (gossip::IndirectPing ask;
      type_of(message) == gossip::MessageType::kIndirectPing && decode(body, ask)) {
    const Peer* asked = peer(ask.node);
    const bool answers = asked != nullptr && !asked->mute && !asked->gone;
    after = answers ? kWay * 4 : milliseconds(120);
    answer = answers ? gossip::encode(gossip::Ack{ask.seq_no, {}})
                     : gossip::encode(gossip::Nack{ask.seq_no});
  }
  if (answer.empty()) return;
  later(after, [this, answer, at = target.at](Now now, gossip::Output& out) {
    core_->receive_packet(answer, at, now, out);
  });
}

void GossipStage::open(const gossip::StreamOut& stream) {
  std::string name;
  Peer* to = peer_at(stream.to, name);
  const auto fail = [&](Duration after, gossip::StreamFailure why) {
    later(after, [this, id = stream.id, why](Now now, gossip::Output& out) {
      core_->stream_failed(id, why, gossip::Drop::kNone, now, out);
    });
  };
  if (to == nullptr || to->mute) return fail(stream.timeout, gossip::StreamFailure::kTimeout);
  if (to->gone) return fail(kWay * 2, gossip::StreamFailure::kRefused);
  gossip::StreamReader reader(core_->frame(), core_->keyring(), true);
  if (reader.feed(stream.bytes) != gossip::StreamReader::State::kDone) {
    return fail(kWay * 2, gossip::StreamFailure::kReset);
  }
  const std::string_view message = reader.message();
  std::string answer;
  if (gossip::Ping ping; type_of(message) == gossip::MessageType::kPing &&
                         decode(message.substr(1), ping) && ping.node == name) {
    answer = gossip::encode(gossip::Ack{ping.seq_no, {}});
  }
  if (type_of(message) == gossip::MessageType::kPushPull) {
    to->heard.emplace_back(message);
    gossip::PushPull state;
    const auto versions = gossip::encode(gossip::Versions{});
    state.nodes.push_back({name,
                           to->at.bytes(),
                           to->at.port,
                           {},
                           to->incarnation,
                           gossip::SwimState::kAlive,
                           {versions.data(), versions.size()}});
    const std::string serf = gossip::encode(gossip::SerfState{1, {}, {}, 1, {}, 1});
    state.user_state = serf;
    answer = gossip::encode(state);
  }
  if (!stream.answer) return;
  if (answer.empty()) return fail(kWay * 2, gossip::StreamFailure::kReset);
  later(kWay * 2, [this, id = stream.id, answer](Now now, gossip::Output& out) {
    core_->stream_answered(id, answer, now, out);
  });
}

}  // namespace phoenix::hostsim
