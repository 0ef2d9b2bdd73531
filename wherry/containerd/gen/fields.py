"""What containerd's messages look like on the wire: the fields this engine uses, by number (containerd API 1.6 to 2.x).

A field is `name=number:type`. A type is a scalar of protobuf (`string` when left out), `map` (string to string) or the
full name of a message; `*` after it means repeated. Enums travel as `int32`. Fields that are not listed are skipped by
the decoder, so that a newer containerd may send more.
"""

FIELDS: dict[str, str] = {
    # Well-known types.
    "google.protobuf.Any": "type_url=1 value=2:bytes",
    "google.protobuf.Empty": "",
    "google.protobuf.FieldMask": "paths=1:string*",
    "google.protobuf.Timestamp": "seconds=1:int64 nanos=2:int32",
    "google.rpc.Status": "code=1:int32 message=2",
    # Shared types.
    "containerd.types.Descriptor": "media_type=1 digest=2 size=3:int64 annotations=5:map",
    "containerd.types.Mount": "type=1 source=2 target=3 options=4:string*",
    "containerd.types.Envelope": (
        "timestamp=1:google.protobuf.Timestamp namespace=2 topic=3 event=4:google.protobuf.Any"
    ),
    "containerd.v1.types.Process": (
        "container_id=1 id=2 pid=3:uint32 status=4:int32 stdin=5 stdout=6 stderr=7 terminal=8:bool"
        " exit_status=9:uint32 exited_at=10:google.protobuf.Timestamp"
    ),
    "containerd.v1.types.ProcessInfo": "pid=1:uint32",
    # Content.
    "containerd.services.content.v1.Info": "digest=1 size=2:int64 labels=5:map",
    "containerd.services.content.v1.InfoRequest": "digest=1",
    "containerd.services.content.v1.InfoResponse": "info=1:containerd.services.content.v1.Info",
    "containerd.services.content.v1.UpdateRequest": (
        "info=1:containerd.services.content.v1.Info update_mask=2:google.protobuf.FieldMask"
    ),
    "containerd.services.content.v1.DeleteContentRequest": "digest=1",
    "containerd.services.content.v1.ReadContentRequest": "digest=1 offset=2:int64 size=3:int64",
    "containerd.services.content.v1.ReadContentResponse": "offset=1:int64 data=2:bytes",
    "containerd.services.content.v1.WriteContentRequest": (
        "action=1:int32 ref=2 total=3:int64 expected=4 offset=5:int64 data=6:bytes labels=7:map"
    ),
    "containerd.services.content.v1.WriteContentResponse": "action=1:int32 offset=4:int64 total=5:int64 digest=6",
    "containerd.services.content.v1.AbortRequest": "ref=1",
    # Images.
    "containerd.services.images.v1.Image": (
        "name=1 labels=2:map target=3:containerd.types.Descriptor"
        " created_at=7:google.protobuf.Timestamp updated_at=8:google.protobuf.Timestamp"
    ),
    "containerd.services.images.v1.GetImageRequest": "name=1",
    "containerd.services.images.v1.ImageResponse": "image=1:containerd.services.images.v1.Image",
    "containerd.services.images.v1.ListImagesRequest": "filters=1:string*",
    "containerd.services.images.v1.ListImagesResponse": "images=1:containerd.services.images.v1.Image*",
    "containerd.services.images.v1.CreateImageRequest": "image=1:containerd.services.images.v1.Image",
    "containerd.services.images.v1.UpdateImageRequest": (
        "image=1:containerd.services.images.v1.Image update_mask=2:google.protobuf.FieldMask"
    ),
    "containerd.services.images.v1.DeleteImageRequest": "name=1 sync=2:bool",
    # Leases.
    "containerd.services.leases.v1.Lease": "id=1 created_at=2:google.protobuf.Timestamp labels=3:map",
    "containerd.services.leases.v1.Resource": "id=1 type=2",
    "containerd.services.leases.v1.CreateRequest": "id=1 labels=3:map",
    "containerd.services.leases.v1.DeleteRequest": "id=1 sync=2:bool",
    "containerd.services.leases.v1.ListRequest": "filters=1:string*",
    "containerd.services.leases.v1.ListResponse": "leases=1:containerd.services.leases.v1.Lease*",
    "containerd.services.leases.v1.AddResourceRequest": "id=1 resource=2:containerd.services.leases.v1.Resource",
    "containerd.services.leases.v1.ListResourcesRequest": "id=1",
    "containerd.services.leases.v1.ListResourcesResponse": "resources=1:containerd.services.leases.v1.Resource*",
    # Snapshots.
    "containerd.services.snapshots.v1.Info": "name=1 parent=2 kind=3:int32 labels=6:map",
    "containerd.services.snapshots.v1.PrepareSnapshotRequest": "snapshotter=1 key=2 parent=3 labels=4:map",
    "containerd.services.snapshots.v1.KeyRequest": "snapshotter=1 key=2",
    "containerd.services.snapshots.v1.MountsResponse": "mounts=1:containerd.types.Mount*",
    "containerd.services.snapshots.v1.CommitSnapshotRequest": "snapshotter=1 name=2 key=3 labels=4:map",
    "containerd.services.snapshots.v1.StatSnapshotResponse": "info=1:containerd.services.snapshots.v1.Info",
    "containerd.services.snapshots.v1.ListSnapshotsRequest": "snapshotter=1 filters=2:string*",
    "containerd.services.snapshots.v1.ListSnapshotsResponse": "info=1:containerd.services.snapshots.v1.Info*",
    "containerd.services.snapshots.v1.UsageResponse": "size=1:int64 inodes=2:int64",
    # Containers.
    "containerd.services.containers.v1.Runtime": "name=1 options=2:google.protobuf.Any",
    "containerd.services.containers.v1.Container": (
        "id=1 labels=2:map image=3 runtime=4:containerd.services.containers.v1.Runtime spec=5:google.protobuf.Any"
        " created_at=8:google.protobuf.Timestamp"
    ),
    "containerd.services.containers.v1.GetContainerRequest": "id=1",
    "containerd.services.containers.v1.ContainerMessage": "container=1:containerd.services.containers.v1.Container",
    "containerd.services.containers.v1.ListContainersRequest": "filters=1:string*",
    "containerd.services.containers.v1.ListContainersResponse": (
        "containers=1:containerd.services.containers.v1.Container*"
    ),
    "containerd.services.containers.v1.DeleteContainerRequest": "id=1",
    # Tasks.
    "containerd.services.tasks.v1.CreateTaskRequest": (
        "container_id=1 rootfs=3:containerd.types.Mount* stdin=4 stdout=5 stderr=6 terminal=7:bool"
        " checkpoint=8:containerd.types.Descriptor options=9:google.protobuf.Any"
    ),
    "containerd.services.tasks.v1.CreateTaskResponse": "container_id=1 pid=2:uint32",
    "containerd.services.tasks.v1.ProcessRequest": "container_id=1 exec_id=2",
    "containerd.services.tasks.v1.StartResponse": "pid=1:uint32",
    "containerd.services.tasks.v1.DeleteResponse": (
        "id=1 pid=2:uint32 exit_status=3:uint32 exited_at=4:google.protobuf.Timestamp"
    ),
    "containerd.services.tasks.v1.GetResponse": "process=1:containerd.v1.types.Process",
    "containerd.services.tasks.v1.ListTasksRequest": "filter=1",
    "containerd.services.tasks.v1.ListTasksResponse": "tasks=1:containerd.v1.types.Process*",
    "containerd.services.tasks.v1.KillRequest": "container_id=1 exec_id=2 signal=3:uint32 all=4:bool",
    "containerd.services.tasks.v1.ExecProcessRequest": (
        "container_id=1 stdin=2 stdout=3 stderr=4 terminal=5:bool spec=6:google.protobuf.Any exec_id=7"
    ),
    "containerd.services.tasks.v1.UpdateTaskRequest": "container_id=1 resources=2:google.protobuf.Any",
    "containerd.services.tasks.v1.PauseTaskRequest": "container_id=1",
    "containerd.services.tasks.v1.ResumeTaskRequest": "container_id=1",
    "containerd.services.tasks.v1.ResizePtyRequest": "container_id=1 exec_id=2 width=3:uint32 height=4:uint32",
    "containerd.services.tasks.v1.CloseIORequest": "container_id=1 exec_id=2 stdin=3:bool",
    "containerd.services.tasks.v1.CheckpointTaskRequest": "container_id=1 options=3:google.protobuf.Any",
    "containerd.services.tasks.v1.CheckpointTaskResponse": "descriptors=1:containerd.types.Descriptor*",
    "containerd.services.tasks.v1.ListPidsResponse": "processes=1:containerd.v1.types.ProcessInfo*",
    "containerd.services.tasks.v1.WaitResponse": "exit_status=1:uint32 exited_at=2:google.protobuf.Timestamp",
    # Diff.
    "containerd.services.diff.v1.ApplyRequest": "diff=1:containerd.types.Descriptor mounts=2:containerd.types.Mount*",
    "containerd.services.diff.v1.ApplyResponse": "applied=1:containerd.types.Descriptor",
    # Events.
    "containerd.services.events.v1.PublishRequest": "topic=1 event=2:google.protobuf.Any",
    "containerd.services.events.v1.SubscribeRequest": "filters=1:string*",
    "containerd.events.TaskIO": "stdin=1 stdout=2 stderr=3 terminal=4:bool",
    "containerd.events.TaskCreate": "container_id=1 bundle=2 io=4:containerd.events.TaskIO checkpoint=5 pid=6:uint32",
    "containerd.events.TaskStart": "container_id=1 pid=2:uint32",
    "containerd.events.TaskDelete": (
        "container_id=1 pid=2:uint32 exit_status=3:uint32 exited_at=4:google.protobuf.Timestamp id=5"
    ),
    "containerd.events.TaskExit": (
        "container_id=1 id=2 pid=3:uint32 exit_status=4:uint32 exited_at=5:google.protobuf.Timestamp"
    ),
    "containerd.events.TaskOOM": "container_id=1",
    "containerd.events.TaskExecAdded": "container_id=1 exec_id=2",
    "containerd.events.TaskExecStarted": "container_id=1 exec_id=2 pid=3:uint32",
    "containerd.events.TaskPaused": "container_id=1",
    "containerd.events.TaskResumed": "container_id=1",
    "containerd.events.TaskCheckpointed": "container_id=1 checkpoint=2",
    "containerd.events.ContainerCreate": "id=1 image=2",
    "containerd.events.ContainerUpdate": "id=1 image=2 labels=3:map",
    "containerd.events.ContainerDelete": "id=1",
    "containerd.events.ContentDelete": "digest=1",
    "containerd.events.SnapshotPrepare": "key=1 parent=2 snapshotter=5",
    "containerd.events.SnapshotCommit": "key=1 name=2 snapshotter=5",
    "containerd.events.SnapshotRemove": "key=1 snapshotter=5",
    "containerd.services.images.v1.ImageCreate": "name=1 labels=2:map",
    "containerd.services.images.v1.ImageUpdate": "name=1 labels=2:map",
    "containerd.services.images.v1.ImageDelete": "name=1",
    # Version and introspection.
    "containerd.services.version.v1.VersionResponse": "version=1 revision=2",
    "containerd.services.introspection.v1.Plugin": "type=1 id=2 init_err=7:google.rpc.Status",
    "containerd.services.introspection.v1.PluginsRequest": "filters=1:string*",
    "containerd.services.introspection.v1.PluginsResponse": "plugins=1:containerd.services.introspection.v1.Plugin*",
    # Values of Any that containerd hands to the shim.
    "containerd.runc.v1.Options": (
        "no_pivot_root=1:bool no_new_keyring=2:bool shim_cgroup=3 io_uid=4:uint32 io_gid=5:uint32 binary_name=6 root=7"
        " systemd_cgroup=9:bool criu_image_path=10 criu_work_path=11"
    ),
    "containerd.runc.v1.CheckpointOptions": "exit=1:bool work_path=9",
    "containerd.linux.runc.RuncOptions": "runtime=1 runtime_root=2 criu_path=3 systemd_cgroup=4:bool",
    "runtimeoptions.v1.Options": "type_url=1 config_path=2 config_body=3:bytes",
}
