#include "membership/membership.h"

#include "membership/machine.h"
#include "membership/prefetch.h"

namespace phoenix::gossip {

std::string_view event_name(HostEventKind kind) {
  switch (kind) {
    case HostEventKind::kJoin:
      return "joined";
    case HostEventKind::kFailed:
      return "failed";
    case HostEventKind::kLeft:
      return "left";
    case HostEventKind::kUpdated:
      return "updated";
    case HostEventKind::kReaped:
      return "reaped";
    case HostEventKind::kViewChanged:
      return "view-changed";
    case HostEventKind::kUserEvent:
      return "user-event";
    case HostEventKind::kQuery:
      return "query";
    case HostEventKind::kIncompatible:
      return "incompatible";
    case HostEventKind::kJoinFailed:
      return "join-failed";
    case HostEventKind::kRefused:
      return "refused";
    case HostEventKind::kRemoved:
      return "removed";
  }
  return "unknown";
}

std::string_view standing_name(ViewStanding standing) {
  switch (standing) {
    case ViewStanding::kForeign:
      return "foreign";
    case ViewStanding::kOutside:
      return "outside";
    case ViewStanding::kInView:
      return "in-view";
    case ViewStanding::kUnstable:
      return "unstable";
    case ViewStanding::kIncompatible:
      return "incompatible";
    case ViewStanding::kGateway:
      return "gateway";
  }
  return "unknown";
}

Membership::Membership(const MembershipOptions& options)
    : machine_(std::make_unique<Machine>(options)) {}
Membership::~Membership() = default;

void Membership::start(Now now, Output& out) { machine_->start(now, out); }
void Membership::tick(Now now, Output& out) { machine_->tick(now, out); }

void Membership::receive_packet(std::string_view datagram, const Endpoint& from, Now now,
                                Output& out) {
  machine_->receive_packet(datagram, from, now, out);
}
void Membership::packet_refused(const Endpoint& to, Now now, Output& out) {
  machine_->packet_refused(to, now, out);
}
void Membership::receive_stream(StreamId id, std::string_view message, const Endpoint& from,
                                Now now, Output& out) {
  machine_->receive_stream(id, message, from, now, out);
}
void Membership::refuse_stream(StreamId id, Drop why, Now now, Output& out) {
  machine_->refuse_stream(id, why, now, out);
}
void Membership::stream_answered(StreamId id, std::string_view message, Now now, Output& out) {
  machine_->stream_answered(id, message, now, out);
}
void Membership::stream_failed(StreamId id, StreamFailure why, Drop drop, Now now, Output& out) {
  machine_->stream_failed(id, why, drop, now, out);
}
void Membership::view_answered(const ViewAnswer& answer, Now now, Output& out) {
  machine_->view_answered(answer, now, out);
}

void Membership::join(const std::vector<Endpoint>& seeds, Now now, Output& out) {
  machine_->join(seeds, now, out);
}
void Membership::leave(Now now, Output& out) { machine_->leave(now, out); }
Result<void> Membership::remove(std::string_view name, bool prune, Now now, Output& out) {
  return machine_->remove(name, prune, now, out);
}
Result<void> Membership::set_tags(const std::map<std::string, std::string>& tags, Now now,
                                  Output& out) {
  return machine_->set_tags(tags, now, out);
}
Result<void> Membership::set_weight(uint32_t weight, Now now, Output& out) {
  return machine_->set_weight(weight, now, out);
}
Result<void> Membership::user_event(std::string_view name, std::string_view payload, bool coalesce,
                                    Now now, Output& out) {
  return machine_->user_event(name, payload, coalesce, now, out);
}

std::vector<HostRow> Membership::hosts() const { return machine_->hosts(); }
const View& Membership::view() const { return machine_->view(); }
std::vector<std::pair<std::string, Duration>> Membership::unstable(Now now) const {
  return machine_->unstable(now);
}
const Keyring& Membership::keyring() const { return machine_->keyring(); }
const FrameOptions& Membership::frame() const { return machine_->frame(); }
Remembered Membership::remembered() const { return machine_->remembered(); }
MembershipStats Membership::stats() const { return machine_->stats(); }
size_t Membership::alive() const { return machine_->alive(); }
void Membership::prefetch(int depth) const {
  if (depth == 0) return gossip::prefetch(machine_.get(), sizeof(Machine));
  machine_->prefetch(depth);
}

}  // namespace phoenix::gossip
