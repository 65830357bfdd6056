// Policies, contracts and approvals as records: applied by operators, kept by the store, known to
// every host.

#include <algorithm>

#include "lineage/crypto/sha256.h"
#include "node/parts/impl.h"
#include "policy/rules/source_json.h"

namespace phoenix {
namespace {

constexpr size_t kAtOnce = 200;                   // documents in one message
constexpr size_t kBytesAtOnce = size_t{4} << 20;  // and bytes, far below what a link takes
constexpr int64_t kKeepDecidedMs = 24LL * 3600 * 1000;

std::string item_pointer(size_t i) { return "/documents/" + std::to_string(i); }

// The one spelling of what it says, so that what is the same is no change.
Result<std::string> canonical(const ApplyDocuments::Item& item) {
  if (item.text.empty()) return std::string();
  if (item.kind == DocumentKind::kPolicy) {
    const auto source = policy::policy_of_json(item.name, item.text);
    if (!source) return tl::unexpected(source.error());
    return policy::policy_json(*source);
  }
  return ContractBook::canonical(item.text);
}

// All faults of one item, by where it stands in the call.
void add_faults(Error& all, const Error& error, size_t i) {
  const std::string pointer = item_pointer(i) + "/spec";
  for (const FieldError& one : error.fields) {
    all.fields.push_back({pointer + one.pointer, one.detail});
  }
  if (error.fields.empty()) all.fields.push_back({pointer, error.detail});
}

Error finished(Error all) {
  if (all.fields.empty()) return all;
  all.detail = all.fields[0].pointer + ": " + all.fields[0].detail;
  if (all.fields.size() > 1) {
    all.detail += " (and " + std::to_string(all.fields.size() - 1) + " more faults)";
  }
  return all;
}

}  // namespace

struct Node::Impl::DocumentChange {
  DocumentPtr before;  // null: there never was one
  DocumentPtr next;    // null: it stays as it is
};

// What the call comes to, or everything that is wrong with it.
Result<std::vector<Node::Impl::DocumentChange>> Node::Impl::changes_of(
    const ApplyDocuments& request) const {
  std::vector<DocumentChange> changes;
  Error wrong = {.kind = ErrorKind::kInvalidRequest, .detail = ""};
  std::set<DocumentKey> named;
  for (size_t i = 0; i < request.items.size(); ++i) {
    const ApplyDocuments::Item& item = request.items[i];
    const DocumentKey key{item.kind, request.ns, item.name};
    const auto fault = [&](std::string detail) {
      wrong.fields.push_back({item_pointer(i), std::move(detail)});
    };
    if (item.kind == DocumentKind::kApproval) fault("approvals are decided, not applied");
    if (!named.insert(key).second) fault("stands here twice: " + key.text());
    const auto known = documents.find(key);
    DocumentChange change;
    if (known != documents.end()) change.before = known->second;
    const bool stands = change.before && !change.before->deleted;
    const uint64_t revision = stands ? change.before->revision : 0;
    if (item.if_revision && *item.if_revision != revision) {
      Error error = {.kind = ErrorKind::kPreconditionFailed,
                     .detail = key.text() + ": its revision is " + std::to_string(revision)};
      error.revision = revision;
      return tl::unexpected(std::move(error));
    }
    if (stands && change.before->app != request.app && !change.before->app.empty()) {
      return fail(ErrorKind::kConflict, key.text() + " is a part of the app " + change.before->app +
                                            "; give yours another name, or delete that one");
    }
    auto text = canonical(item);
    if (!text) {
      add_faults(wrong, text.error(), i);
      continue;
    }
    if (text->size() > kMaxDocumentBytes) fault("is larger than 256 KiB");
    const bool same =
        stands ? change.before->text == *text && change.before->app == request.app : text->empty();
    if (!same) change.next = next_document(key, change.before, request.app, std::move(*text));
    changes.push_back(std::move(change));
  }
  if (!wrong.fields.empty()) return tl::unexpected(finished(std::move(wrong)));
  if (!request.prune || request.app.empty()) return changes;
  for (const auto& [key, known] : documents) {
    const bool ours = key.ns == request.ns && known->app == request.app && !known->deleted &&
                      key.kind != DocumentKind::kApproval;
    if (ours && !named.contains(key)) {
      changes.push_back({known, next_document(key, known, request.app, "")});
    }
  }
  return changes;
}

DocumentPtr Node::Impl::next_document(const DocumentKey& key, const DocumentPtr& before,
                                      const std::string& app, std::string text) const {
  auto next = std::make_shared<Document>();
  next->key = key;
  next->revision = (before ? before->revision : 0) + 1;
  next->app = app;
  next->deleted = text.empty();
  next->text = std::move(text);
  next->changed_at = now.wall;
  return next;
}

// The policies of the namespace as they would be, compiled together.
std::optional<Error> Node::Impl::policy_faults(const ApplyDocuments& request,
                                               const std::vector<DocumentChange>& changes) const {
  std::map<DocumentKey, DocumentPtr> stand;
  bool any = false;
  for (const auto& [key, document] : documents) {
    if (key.kind == DocumentKind::kPolicy && key.ns == request.ns) stand[key] = document;
  }
  for (const DocumentChange& change : changes) {
    if (!change.next || change.next->key.kind != DocumentKind::kPolicy) continue;
    any = true;
    stand[change.next->key] = change.next;
  }
  if (!any) return std::nullopt;
  std::vector<DocumentPtr> all;
  for (const auto& [key, document] : stand) {
    if (!document->deleted) all.push_back(document);
  }
  Error wrong = {.kind = ErrorKind::kInvalidRequest, .detail = ""};
  for (const Rulebook::Fault& fault : Rulebook::check(all)) {
    size_t i = 0;
    while (i < request.items.size() && request.items[i].name != fault.name) ++i;
    const bool ours = i < request.items.size();
    wrong.fields.push_back({ours ? item_pointer(i) + "/spec" : "/documents", fault.detail});
  }
  if (wrong.fields.empty()) return std::nullopt;
  return finished(std::move(wrong));
}

void Node::Impl::apply_documents(Command command, ApplyDocuments& request) {
  const ApplyDocuments wanted = request;
  command.body = std::move(request);
  if (!command.caller.is_operator) {
    return refuse(command.id, {.kind = ErrorKind::kForbidden,
                               .detail = "only an operator lays down policies and contracts"});
  }
  auto changes = changes_of(wanted);
  if (!changes) return refuse(command.id, changes.error());
  if (auto wrong = policy_faults(wanted, *changes)) return refuse(command.id, std::move(*wrong));
  size_t fresh = 0;
  for (const DocumentChange& change : *changes) {
    if (change.next && busy_documents.contains(change.next->key)) {
      return block(block_name(change.next->key), std::move(command));
    }
    fresh += change.next && !change.before ? 1 : 0;
  }
  if (documents.size() + fresh > kMostDocuments) {
    return refuse(command.id, {.kind = ErrorKind::kTooManyRequests,
                               .detail = "there are 10,000 policies, contracts and approvals"});
  }
  Write write = new_write();
  DocumentsReply answer;
  answer.dry_run = wanted.dry_run;
  for (const DocumentChange& change : *changes) {
    using Change = DocumentsReply::Change;
    const bool stood = change.before && !change.before->deleted;
    const DocumentPtr& shown = change.next ? change.next : change.before;
    if (!shown) continue;  // what never was is to go
    answer.items.push_back({shown, !change.next           ? Change::kNone
                                   : change.next->deleted ? Change::kDeleted
                                   : stood                ? Change::kChanged
                                                          : Change::kCreated});
    if (!change.next || wanted.dry_run) continue;
    put_document(write, change.before, change.next, change.next->deleted ? "deleted" : "applied");
  }
  finish_with(write, command, std::move(answer));
  submit_write(std::move(write));
}

void Node::Impl::put_document(Write& write, const DocumentPtr& before, const DocumentPtr& next,
                              std::string event) {
  lineage::Entry entry;
  entry.kind = lineage::EntryKind::kPolicy;
  entry.at = next->changed_at;
  entry.actor = actor;
  entry.ns = next->key.ns;
  entry.subject = std::string(document_kind_name(next->key.kind)) + "/" + next->key.name;
  entry.event = event;
  entry.revision = next->revision;
  entry.inputs = lineage::sha256(next->text);
  busy_documents.insert_or_assign(next->key, write.id);
  write.unblocks.push_back(block_name(next->key));
  write.documents.push_back({next});
  write.ops.emplace_back(PutDocument{.document = next,
                                     .expect_revision = before ? before->revision : 0,
                                     .event = std::move(event),
                                     .recorded = lineage::encode(entry)});
}

// They are durable: others hear of them at once, and from the store if that is lost.
void Node::Impl::settle_documents(const Write& write, bool committed) {
  Documents news;
  for (const DocumentStep& step : write.documents) {
    busy_documents.erase(step.next->key);
    if (!committed) continue;
    document_changed(step.next);
    news.documents.push_back(step.next);
  }
  if (remote.on && !news.documents.empty()) tell_documents({}, std::move(news.documents));
}

void Node::Impl::tell_documents(const HostLife& to, std::vector<DocumentPtr> all) {
  Documents portion;
  size_t bytes = 0;
  for (DocumentPtr& one : all) {
    if (portion.documents.size() >= kAtOnce || bytes + one->text.size() > kBytesAtOnce) {
      tell(to, std::exchange(portion, {}));
      bytes = 0;
    }
    bytes += one->text.size();
    portion.documents.push_back(std::move(one));
  }
  if (!portion.documents.empty()) tell(to, std::move(portion));
}

void Node::Impl::learn(const Documents& message) {
  for (const DocumentPtr& document : message.documents) document_changed(document);
}

void Node::Impl::document_changed(const DocumentPtr& document) {
  DocumentPtr& known = documents[document->key];
  if (known && known->revision >= document->revision) return;
  known = document;
  if (document->key.kind == DocumentKind::kPolicy) governance.rules.change(document);
  if (document->key.kind == DocumentKind::kApproval) {
    auto form =
        document->deleted ? Result<ApprovalForm>(ApprovalForm{}) : approval_of_json(document->text);
    if (document->deleted || !form) {
      governance.approvals.erase(document->key);
    } else {
      governance.approvals[document->key] = std::move(*form);
      governance.look_at = std::min(governance.look_at, now.mono + seconds(1));
    }
  }
  if (document->key.kind == DocumentKind::kContract) governance.contracts.change(*document);
  governance.changed.insert(document->key.ns);
}

// Approvals that were decided a day ago, and what nobody remembers of them.
void Node::Impl::forget_approvals() {
  constexpr size_t kMost = 500;
  Write write = new_write();
  for (const auto& [key, form] : governance.approvals) {
    if (form.decided_at == kNoWall || form.decided_at + kKeepDecidedMs > now.wall) continue;
    if (busy_documents.contains(key) || write.documents.size() == kMost) continue;
    const DocumentPtr& before = documents.at(key);
    put_document(write, before, next_document(key, before, before->app, ""), "forgotten");
  }
  submit_write(std::move(write));
  std::erase_if(documents, [this](const auto& known) {
    return known.first.kind == DocumentKind::kApproval && known.second->deleted &&
           known.second->changed_at + kKeepDecidedMs < now.wall;
  });
}

void Node::recover_document(Document document) {
  impl_->document_changed(std::make_shared<const Document>(std::move(document)));
}

std::vector<DocumentPtr> Node::documents(DocumentKind kind, std::string_view ns) const {
  std::vector<DocumentPtr> found;
  for (const auto& [key, document] : impl_->documents) {
    if (key.kind == kind && (ns.empty() || key.ns == ns) && !document->deleted) {
      found.push_back(document);
    }
  }
  return found;
}

}  // namespace phoenix
