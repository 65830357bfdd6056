#include "store/postgres/pool/pool_store.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "packet/encoding.h"
#include "store/postgres/pool/pool_statements.h"
#include "store/postgres/schema.h"

namespace phoenix {
namespace postgres {
namespace {

using enum ElementType;

// A scan reads as much as a host can hold.
constexpr int kScanDeadlines = 5;

Arguments of(const HostLife& life) {
  Arguments out;
  out.text(life.host).number(life.life);
  return out;
}

Arguments of(std::span<const HostLife> lives) {
  Column hosts(kText);
  Column numbers(kInteger);
  for (const HostLife& life : lives) {
    hosts.text(life.host);
    numbers.number(life.life);
  }
  Arguments out;
  out.column(hosts).column(numbers);
  return out;
}

Column of(std::span<const SlotId> slots) {
  Column out(kSmall);
  for (const SlotId slot : slots) out.integer(slot);
  return out;
}

// How the names of a life's sessions begin, as Connection gives them.
std::string session_names(const HostLife& life) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "phoenix %016llx ",
                static_cast<unsigned long long>(life.life));
  return text.data();
}

HostLife life_at(const Rows& rows, int i, int column) {
  return {std::string(rows.bytes(i, column)), static_cast<uint64_t>(rows.integer(i, column + 1))};
}

template <class T, class Decode>
Result<std::vector<T>> decode_all(const Rows& rows, Decode decode) {
  std::vector<T> all;
  all.reserve(static_cast<size_t>(rows.size()));
  for (int i = 0; i < rows.size(); ++i) {
    auto one = decode(rows.bytes(i, 0));
    if (!one) return tl::unexpected<Error>(one.error());
    all.push_back(std::move(*one));
  }
  return all;
}

class PostgresPool final : public PoolStore {
 public:
  explicit PostgresPool(PostgresOptions options) : options_(std::move(options)) {}

  Result<bool> ensure_open();
  Result<Beat> beat(const HostLife& self, uint64_t known_number) override;
  Result<SwapAnswer> swap_view(const ViewSwap& swap) override;
  Result<std::vector<HeldSlot>> held_slots() override;
  Result<Claimed> claim_slots(const HostLife& self, std::span<const SlotId> slots) override;
  Result<bool> release_slots(const HostLife& self, std::span<const SlotId> slots) override;
  Result<ScannedSlots> scan(std::span<const SlotId> slots) override;
  Result<std::vector<Packet>> owned_by(std::span<const MemberKey> members) override;
  Result<std::vector<Document>> documents() override;
  Result<HomeRecords> at_home(const HostLife& home) override;
  Result<HomeRecords> records(std::span<const MemberKey> members,
                              std::span<const std::string> sessions) override;
  Result<RecordPage> revisions(const RecordPlace& after, size_t most) override;

 private:
  using Answered = Answer<std::vector<Rows>>;
  struct How {
    Isolation isolation = Isolation::kStatement;
    bool repeatable = true;  // it may be carried out twice and answer as once
    int deadlines = 1;
    std::span<const HostLife> fences{};  // whose rows it may wait for
  };
  // Begins anew what waited too long for a lock, until the deadline has passed, and once what met a
  // connection that had broken unnoticed.
  Answered transact(std::span<const Call> calls, const How& how);
  void end_silent(std::span<const HostLife> lives, const Deadline& deadline);
  tl::unexpected<Error> failure(const Refusal& refusal) const;
  Result<std::vector<Rows>> read(std::span<const Call> calls, int deadlines = 1);
  Result<PoolView> newest(uint64_t known_number);
  Result<HomeRecords> home_records(const std::vector<Rows>& rows) const;

  PostgresOptions options_;
  std::unique_ptr<Connection> connection_;
  std::vector<LeftSession> told_;
  uint64_t calls_ = 0;  // about slots
};

// A database that is another one by then, or was deposed, is refused.
Result<bool> PostgresPool::ensure_open() {
  if (connection_ && !connection_->broken()) return true;
  connection_.reset();
  auto opened = Connection::open_schema(options_, "pool");
  if (!opened) return tl::unexpected<Error>(opened.error());
  connection_ = std::move(*opened);
  options_.minimum = connection_->promise().identity;
  return true;
}

PostgresPool::Answered PostgresPool::transact(std::span<const Call> calls, const How& how) {
  const Deadline deadline(options_.deadline * how.deadlines);
  for (bool first = true;; first = false) {
    const bool fresh = !connection_ || connection_->broken();
    if (auto open = ensure_open(); !open) {
      Refusal refusal;
      refusal.message = open.error().detail;
      return tl::unexpected<Refusal>(std::move(refusal));
    }
    auto rows = connection_->transact(calls, deadline, how.isolation);
    if (rows) return rows;
    const Refusal& refusal = rows.error();
    const bool locked =
        refusal.state == "55P03" || refusal.state == "40P01" || refusal.state == "40001";
    // One that was idle while the server restarted is found broken only now.
    const bool lost = refusal.state.empty() || refusal.state == "57P01";
    const bool stale =
        first && !fresh && lost && connection_->broken() && (refusal.certain || how.repeatable);
    if (deadline.passed() || !(locked || stale)) return rows;
    if (locked && !how.fences.empty()) end_silent(how.fences, deadline);
  }
}

// Whether it worked, the next try shows.
void PostgresPool::end_silent(std::span<const HostLife> lives, const Deadline& deadline) {
  if (!ensure_open()) return;
  Column names(kText);
  for (const HostLife& life : lives) names.text(session_names(life));
  Arguments arguments;
  arguments.column(names);
  connection_->query(sql::kEndSilent, std::move(arguments), deadline);
}

tl::unexpected<Error> PostgresPool::failure(const Refusal& refusal) const {
  if (!connection_) return fail(ErrorKind::kStoreUnreachable, refusal.message);
  return tl::unexpected<Error>(connection_->failure("the database does not answer", refusal));
}

Result<std::vector<Rows>> PostgresPool::read(std::span<const Call> calls, int deadlines) {
  auto rows = transact(calls, {.isolation = Isolation::kSnapshot, .deadlines = deadlines});
  if (!rows) return failure(rows.error());
  return std::move(*rows);
}

// --- view and holds ---

Result<Beat> PostgresPool::beat(const HostLife& self, uint64_t known_number) {
  Column sessions(kText);
  Column revisions(kInteger);
  for (const LeftSession& session : told_) {
    sessions.text(session.id);
    revisions.number(session.revision);
  }
  Arguments told = of(self);
  told.column(sessions).column(revisions);
  Arguments known;
  known.number(known_number);
  const std::vector<Call> calls = {
      {&sql::kRenew, of(self)},          {&sql::kForgetTold, told},
      {&sql::kForgetReturned, of(self)}, {&sql::kForgetDropped, of(self)},
      {&sql::kReadLeft, of(self)},       {&sql::kReadView, known},
      {&sql::kReadHolds, Arguments()},   {&sql::kReadDocumentChanges, Arguments()}};
  const auto rows = transact(calls, {});
  if (!rows) return failure(rows.error());
  Beat beat;
  beat.fenced = (*rows)[0].size() == 0;
  auto left = decode_all<SessionRecord>((*rows)[4], decode_session);
  if (!left) return tl::unexpected<Error>(left.error());
  beat.left = std::move(*left);
  beat.newest.number = static_cast<uint64_t>((*rows)[5].integer(0, 0));
  beat.newest.bytes = (*rows)[5].bytes(0, 1);
  const Rows& holds = (*rows)[6];
  for (int i = 0; i < holds.size(); ++i) {
    beat.ages.push_back(
        {life_at(holds, i, 0), microseconds(holds.integer(i, 2)), holds.boolean(i, 3)});
  }
  beat.documents = static_cast<uint64_t>((*rows)[7].integer(0, 0));
  told_.clear();
  for (const SessionRecord& record : beat.left) told_.push_back({record.id, record.revision});
  return beat;
}

Result<PoolView> PostgresPool::newest(uint64_t known_number) {
  Arguments known;
  known.number(known_number);
  const std::vector<Call> calls = {{&sql::kReadView, known}};
  const auto rows = read(calls);
  if (!rows) return tl::unexpected<Error>(rows.error());
  const Rows& view = (*rows)[0];
  return PoolView{static_cast<uint64_t>(view.integer(0, 0)), std::string(view.bytes(0, 1))};
}

Result<SwapAnswer> PostgresPool::swap_view(const ViewSwap& swap) {
  bool enters = false;
  for (const HostLife& life : swap.enter) enters = enters || life == swap.proposer;
  Arguments proposer = of(swap.proposer);
  proposer.integer(enters ? 1 : 0);
  Arguments view;
  view.number(swap.expected).bytes(swap.bytes);
  const std::vector<Call> calls = {{&sql::kLockTimeout, Arguments()},
                                   {&sql::kLockView, Arguments()},
                                   {&sql::kLockHost, of(swap.proposer)},
                                   {&sql::kCheckProposer, proposer},
                                   {&sql::kPutView, view},
                                   {&sql::kEnter, of(swap.enter)},
                                   {&sql::kFence, of(swap.leave)}};
  const auto rows = transact(calls, {.fences = swap.leave});
  if (rows) return SwapAnswer{SwapOutcome::kDone, {swap.expected + 1, swap.bytes}};
  const Refusal& refusal = rows.error();
  if (refusal.state == sql::kEntersFenced) return fail(ErrorKind::kWrongState, refusal.message);
  if (refusal.state != kFencedState && refusal.state != kStaleState) return failure(refusal);
  auto now = newest(0);
  if (!now) return tl::unexpected<Error>(now.error());
  return SwapAnswer{refusal.state == kFencedState ? SwapOutcome::kFenced : SwapOutcome::kBehind,
                    std::move(*now)};
}

// --- slots ---

Result<std::vector<HeldSlot>> PostgresPool::held_slots() {
  const std::vector<Call> calls = {{&sql::kHeldSlots, Arguments()}};
  const auto rows = read(calls);
  if (!rows) return tl::unexpected<Error>(rows.error());
  std::vector<HeldSlot> held;
  const Rows& holders = (*rows)[0];
  for (int i = 0; i < holders.size(); ++i) {
    const HostLife holder = life_at(holders, i, 0);
    const std::string_view slots = holders.bytes(i, 3);
    for (size_t at = 0; at + 1 < slots.size(); at += 2) {
      const auto high = static_cast<unsigned char>(slots[at]);
      const auto low = static_cast<unsigned char>(slots[at + 1]);
      held.push_back({static_cast<SlotId>(high * 256U + low), holder, holders.boolean(i, 2)});
    }
  }
  std::ranges::sort(held, {}, &HeldSlot::slot);
  return held;
}

Result<PoolStore::Claimed> PostgresPool::claim_slots(const HostLife& self,
                                                     std::span<const SlotId> slots) {
  Arguments order = of(self);
  order.number(++calls_);
  Arguments wanted = of(self);
  wanted.column(of(slots));
  const std::vector<Call> calls = {{&sql::kLockTimeout, Arguments()},
                                   {&sql::kLockHost, of(self)},
                                   {&sql::kClaimInOrder, order},
                                   {&sql::kClaim, wanted}};
  const auto rows = transact(calls, {.repeatable = false});
  Claimed claimed;
  if (!rows) {
    claimed.fenced = rows.error().state == kFencedState;
    if (claimed.fenced || rows.error().state == kStaleState) return claimed;
    return failure(rows.error());
  }
  const Rows& taken = (*rows)[3];
  for (int i = 0; i < taken.size(); ++i) {
    claimed.slots.push_back(static_cast<SlotId>(taken.integer(i, 0)));
  }
  return claimed;
}

Result<bool> PostgresPool::release_slots(const HostLife& self, std::span<const SlotId> slots) {
  Arguments order = of(self);
  order.number(++calls_);
  Arguments given = of(self);
  given.column(of(slots));
  const std::vector<Call> calls = {{&sql::kReleaseSettings, Arguments()},
                                   {&sql::kReleaseInOrder, order},
                                   {&sql::kRelease, given}};
  const auto rows = transact(calls, {.repeatable = false});
  if (!rows && rows.error().state != kStaleState) return failure(rows.error());
  return true;
}

// --- packets and records ---

Result<ScannedSlots> PostgresPool::scan(std::span<const SlotId> slots) {
  Arguments wanted;
  wanted.column(of(slots));
  Arguments patience;
  patience.integer((options_.deadline * kScanDeadlines).ms());
  const std::vector<Call> calls = {{&sql::kScanTimeout, patience},
                                   {&sql::kScanPackets, wanted},
                                   {&sql::kScanOwners, wanted},
                                   {&sql::kScanSessions, wanted}};
  const auto rows = read(calls, kScanDeadlines);
  if (!rows) return tl::unexpected<Error>(rows.error());
  auto packets = decode_all<Packet>((*rows)[1], decode_head);
  if (!packets) return tl::unexpected<Error>(packets.error());
  auto owners = decode_all<MemberRecord>((*rows)[2], decode_member);
  if (!owners) return tl::unexpected<Error>(owners.error());
  auto sessions = decode_all<SessionRecord>((*rows)[3], decode_session);
  if (!sessions) return tl::unexpected<Error>(sessions.error());
  return ScannedSlots{std::move(*packets), std::move(*owners), std::move(*sessions)};
}

Result<std::vector<Packet>> PostgresPool::owned_by(std::span<const MemberKey> members) {
  Column names(kText);
  for (const MemberKey& key : members) names.text(key.text());
  Arguments wanted;
  wanted.column(names);
  const std::vector<Call> calls = {{&sql::kOwnedBy, wanted}};
  const auto rows = read(calls);
  if (!rows) return tl::unexpected<Error>(rows.error());
  return decode_all<Packet>((*rows)[0], decode_head);
}

Result<PoolStore::HomeRecords> PostgresPool::home_records(const std::vector<Rows>& rows) const {
  auto sessions = decode_all<SessionRecord>(rows[0], decode_session);
  if (!sessions) return tl::unexpected<Error>(sessions.error());
  auto members = decode_all<MemberRecord>(rows[1], decode_member);
  if (!members) return tl::unexpected<Error>(members.error());
  HomeRecords found;
  for (SessionRecord& session : *sessions) {
    found.sessions.push_back(std::make_shared<const SessionRecord>(std::move(session)));
  }
  for (MemberRecord& member : *members) {
    found.members.push_back(std::make_shared<const MemberRecord>(std::move(member)));
  }
  return found;
}

Result<std::vector<Document>> PostgresPool::documents() {
  const std::vector<Call> calls = {{&sql::kAllDocuments, Arguments()}};
  const auto rows = read(calls);
  if (!rows) return tl::unexpected<Error>(rows.error());
  return decode_all<Document>((*rows)[0], decode_document);
}

Result<PoolStore::HomeRecords> PostgresPool::at_home(const HostLife& home) {
  const std::vector<Call> calls = {{&sql::kSessionsAtHome, of(home)},
                                   {&sql::kMembersAtHome, of(home)}};
  const auto rows = read(calls);
  if (!rows) return tl::unexpected<Error>(rows.error());
  return home_records(*rows);
}

Result<PoolStore::HomeRecords> PostgresPool::records(std::span<const MemberKey> members,
                                                     std::span<const std::string> sessions) {
  Column keys(kText);
  for (const MemberKey& key : members) keys.text(key.text());
  Column ids(kText);
  for (const std::string& id : sessions) ids.text(id);
  Arguments by_id;
  by_id.column(ids);
  Arguments by_key;
  by_key.column(keys);
  const std::vector<Call> calls = {{&sql::kSessionsNamed, by_id}, {&sql::kMembersNamed, by_key}};
  const auto rows = read(calls);
  if (!rows) return tl::unexpected<Error>(rows.error());
  return home_records(*rows);
}

Result<RecordPage> PostgresPool::revisions(const RecordPlace& after, size_t most) {
  Arguments of_sessions;
  of_sessions.text(after.session).integer(static_cast<int64_t>(most));
  Arguments of_members;
  of_members.text(after.member.text()).integer(static_cast<int64_t>(most));
  const std::vector<Call> calls = {{&sql::kSessionRevisions, of_sessions},
                                   {&sql::kMemberRevisions, of_members}};
  const auto rows = read(calls);
  if (!rows) return tl::unexpected<Error>(rows.error());
  RecordPage page;
  const Rows& sessions = (*rows)[0];
  for (int i = 0; i < sessions.size(); ++i) {
    page.sessions.emplace_back(sessions.bytes(i, 0), static_cast<uint64_t>(sessions.integer(i, 1)));
  }
  const Rows& members = (*rows)[1];
  for (int i = 0; i < members.size(); ++i) {
    page.members.emplace_back(MemberKey::from_text(std::string(members.bytes(i, 0))),
                              static_cast<uint64_t>(members.integer(i, 1)));
  }
  return page;
}

}  // namespace
}  // namespace postgres

Result<std::unique_ptr<PoolStore>> open_postgres_pool(const PostgresOptions& options) {
  auto pool = std::make_unique<postgres::PostgresPool>(options);
  if (auto opened = pool->ensure_open(); !opened) return tl::unexpected<Error>(opened.error());
  return std::unique_ptr<PoolStore>(std::move(pool));
}

}  // namespace phoenix
